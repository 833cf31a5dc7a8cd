"""Ready-made tasks, one file a benchmark; import the one you want, e.g. `import evalkit.tasks.gsm8k`."""

if __name__ != "evalkit.tasks":
    raise ImportError(
        f"This folder is imported as 'evalkit.tasks', not {__name__!r}: a second name would register every task twice."
    )
