"""Where something was defined: the file and line that an error about it should point to."""

from __future__ import annotations

import dataclasses
import inspect
import sys
from typing import final

_ROOM = "evalkit.data."


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
    while frame.f_back is not None and frame.f_globals.get("__name__", "").startswith(_ROOM):
        frame = frame.f_back
    return SourceInfo(frame.f_code.co_filename, frame.f_lineno)
