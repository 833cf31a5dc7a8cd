"""Where something was defined: the file and line that an error about it should point to."""

from __future__ import annotations

import dataclasses
import functools
import inspect
import sys
import types
from typing import final

_REGISTRIES = ("evalkit.data.", "evalkit.derived.")
_COMMAND_LINE = "evalkit.cli."


@final
@dataclasses.dataclass(frozen=True, slots=True)
class SourceInfo:
    """A place in the source code.

    >>> str(SourceInfo("tasks/gsm8k.py", 14)), str(SourceInfo())
    ('tasks/gsm8k.py:14', 'an unknown place')

    Attributes:
      file_path: where the file is on disk, None if that is not known.
      line_number: the line in it, from 1.
    """

    file_path: str | None = None
    line_number: int | None = None

    @classmethod
    def for_class(cls, klass: type) -> SourceInfo:
        """Where a class was defined; without information for builtin classes."""
        try:
            return cls(inspect.getsourcefile(klass), inspect.getsourcelines(klass)[1])
        except (TypeError, OSError):
            return cls()

    def has_meaningful_info(self) -> bool:
        """Whether the file is known."""
        return bool(self.file_path)

    def __str__(self) -> str:
        return f"{self.file_path}:{self.line_number}" if self.file_path else "an unknown place"


def calling_site() -> SourceInfo:
    """The nearest line up the call stack that is not in this room: the user's registration.

    Frames are walked by hand because `inspect.stack` reads source files, which is too slow for thousands of tasks.
    """
    frame = sys._getframe(1)
    while frame.f_back is not None and _module(frame).startswith(_REGISTRIES):
        frame = frame.f_back
    return _site(frame.f_code.co_filename, frame.f_lineno)


def call_sites(frame: types.FrameType | None, max_frames: int) -> list[SourceInfo]:
    """The lines from `frame` up the call stack that are the user's, nearest first: how the program got here.

    Left out are the lines of the registries and of Python's import system, and what called evalkit's command line. Code
    without a module of its own (`exec`, a notebook's cell) has a place as well: what it was compiled as, such as
    `<string>`.

    Args:
      frame: where to begin; None gives nothing.
      max_frames: how many lines at most.
    """
    sites: list[SourceInfo] = []
    while frame is not None and len(sites) < max_frames and not _module(frame).startswith(_COMMAND_LINE):
        path = frame.f_code.co_filename
        if not (_module(frame).startswith((*_REGISTRIES, "importlib")) or path.startswith("<frozen ")):
            sites.append(_site(path, frame.f_lineno))
        frame = frame.f_back
    return sites


def importing_module() -> str | None:
    """The module that is being imported: at the bottom of whatever calls led here is a line of its own.

    None where no import is going on. A program that is run, a cell of a notebook or what `exec` runs is no import.
    """
    frame: types.FrameType | None = sys._getframe(1)
    while frame is not None:
        if frame.f_code.co_name == "<module>":
            name = _module(frame)
            if name != "__main__" and getattr(sys.modules.get(name), "__dict__", None) is frame.f_globals:
                return name
        frame = frame.f_back
    return None


def _module(frame: types.FrameType) -> str:
    return str(frame.f_globals.get("__name__"))  # which what `exec` runs need not have


@functools.lru_cache(maxsize=256)  # thousands of tasks are registered in one loop, at one line
def _site(file_path: str, line_number: int) -> SourceInfo:
    return SourceInfo(file_path, line_number)
