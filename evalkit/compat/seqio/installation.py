"""Making `import seqio` mean evalkit, for libraries that nobody may edit.

Python asks the finders in `sys.meta_path` for a module that is not loaded yet. The one here answers for `seqio` and all
below it with evalkit's own modules, each loaded when it is first imported: there is one module under two names, never a
second copy of it, and what takes an extra (`seqio.beam_utils`) is not loaded before somebody asks for it.
"""

from __future__ import annotations

import importlib
import importlib.abc
import importlib.machinery
import importlib.util
import sys
from collections.abc import Sequence
from types import ModuleType
from typing import final

from evalkit.errors import ArgumentError

_THEIRS = "seqio"
_OURS = "evalkit.compat.seqio"


def install() -> None:
    """From now on, `import seqio` in this process, and imports of its modules and names, give evalkit's.

    Call it before anything imports seqio. Calling it again does nothing. Objects that were pickled under either name
    load as well.

    Raises:
      ArgumentError: seqio is imported already. Objects of both libraries would meet, and neither knows the other's.
    """
    ours = importlib.import_module(_OURS)
    present = sys.modules.get(_THEIRS)
    if present is ours:
        return
    if present is not None:
        place = getattr(present, "__file__", "an unknown place")
        raise ArgumentError(
            f"seqio is imported already, from {place}, and its objects may be in use. Call "
            "evalkit.compat.seqio.install() before the first import of seqio or of a library that uses it."
        )
    sys.modules[_THEIRS] = ours
    sys.meta_path.insert(0, _Finder())  # before the one that would look for the files of `seqio.…`, and find ours


@final
class _Finder(importlib.abc.MetaPathFinder):
    """Finds evalkit's module of the same name."""

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> importlib.machinery.ModuleSpec | None:
        """The spec of a module below `seqio`; None for all others, and for one that evalkit has no counterpart of."""
        del path, target
        ours = fullname.replace(_THEIRS, _OURS, 1)
        if not fullname.startswith(f"{_THEIRS}.") or importlib.util.find_spec(ours) is None:
            return None
        return importlib.machinery.ModuleSpec(fullname, _Loader(), is_package=False)


@final
class _Loader(importlib.abc.Loader):
    """Loads evalkit's module in place of the one that was asked for."""

    def exec_module(self, module: ModuleType) -> None:
        """Puts evalkit's module where `module` was to be."""
        sys.modules[module.__name__] = importlib.import_module(module.__name__.replace(_THEIRS, _OURS, 1))
