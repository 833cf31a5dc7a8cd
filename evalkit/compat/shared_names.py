"""Modules of names whose assignments reach the code that uses the names.

seqio's code looks a name up in its module each time, so tests replace parts of seqio by assigning to it
(`mock.patch("seqio.utils.LazyTfdsLoader")`). evalkit's modules import what they use, and would not see that: so
whatever is assigned to a name here is assigned in all of evalkit that knows the same object under the same name.
"""

from __future__ import annotations

import sys
from types import ModuleType
from typing import final

_PACKAGE = "evalkit"


def share_names(*modules: ModuleType) -> None:
    """Makes each of `modules` one whose assignments reach all of evalkit."""
    for module in modules:
        module.__class__ = SharedNames


@final
class SharedNames(ModuleType):
    """A module that shares its public names with whoever imported them."""

    def __setattr__(self, name: str, value: object) -> None:
        """Assigns `value` here, and in every module of evalkit that has under this name what this one had."""
        shared = name in vars(self) and not name.startswith("_")
        replaced = vars(self).get(name)
        super().__setattr__(name, value)
        if not shared:
            return
        for module in [found for key, found in sys.modules.items() if key.startswith(f"{_PACKAGE}.")]:
            if vars(module).get(name) is replaced:
                ModuleType.__setattr__(module, name, value)
