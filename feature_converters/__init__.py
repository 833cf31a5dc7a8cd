"""Task features to model features, one file an architecture; imported as `evalkit.feature_converters`."""

if __name__ != "evalkit.feature_converters":
    raise ImportError(
        f"This folder is imported as 'evalkit.feature_converters', not as {__name__!r}: a second name would define every "
        "converter twice."
    )
