"""Making `import seqio` mean evalkit, for libraries that nobody may edit."""

from __future__ import annotations

import importlib
import sys

from evalkit.errors import ArgumentError

MODULES = (
    "dataset_providers",
    "evaluation",
    "feature_converters",
    "loggers",
    "metrics",
    "preprocessors",
    "utils",
    "vocabularies",
)
"""seqio's modules that have a counterpart here."""


def install() -> None:
    """From now on, `import seqio` in this process, and imports of its modules and names, give evalkit's.

    Call it before anything imports seqio. Calling it again does nothing.

    Raises:
      ArgumentError: seqio is imported already. Objects of both libraries would meet, and neither knows the other's.
    """
    ours = importlib.import_module("evalkit.compat.seqio")
    present = sys.modules.get("seqio")
    if present is not None and present is not ours:
        place = getattr(present, "__file__", "an unknown place")
        raise ArgumentError(
            f"seqio is imported already, from {place}, and its objects may be in use. Call "
            "evalkit.compat.seqio.install() before the first import of seqio or of a library that uses it."
        )
    sys.modules["seqio"] = ours
    for name in MODULES:
        sys.modules[f"seqio.{name}"] = getattr(ours, name)
