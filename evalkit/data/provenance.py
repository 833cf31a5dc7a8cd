"""Which chain of imports and calls led to each registration.

Tasks are registered while modules are imported, often in a helper's loop, and then the line of the registration says
little: what is wanted is who imported the module that called the helper. A `RegistrationLog` that was started before
the imports knows. Without one, nothing is recorded, and each registration keeps its own line only (`NameTable.site`).

    with RegistrationLog() as log:
        importlib.import_module("my_tasks")
    print(log.to_tsv())
"""

from __future__ import annotations

import dataclasses
import sys
import types
from typing import Self, final

from evalkit import errors
from evalkit.data.source_info import SourceInfo, call_sites

MAX_FRAMES = 5


@final
@dataclasses.dataclass(frozen=True, slots=True)
class Registration:
    """One registration.

    Attributes:
      name: of the task or mixture.
      provider_type: `Task` or `Mixture`.
      call_sites: the user's lines up the call stack; the first is the registration itself.
    """

    name: str
    provider_type: str
    call_sites: tuple[SourceInfo, ...]


@final
class RegistrationLog:
    """Records the registrations of the process between `start` and `stop`, or within a `with` block."""

    def __init__(self, max_frames: int = MAX_FRAMES) -> None:
        """A log with nothing in it, not started.

        Args:
          max_frames: how many lines of the call stack to keep of each registration.

        Raises:
          ArgumentError: fewer than one.
        """
        if max_frames < 1:
            raise errors.ArgumentError(f"max_frames must be at least 1, found {max_frames}.")
        self._max_frames = max_frames
        self._registrations: list[Registration] = []

    def start(self) -> None:
        """Records from now on, and forgets what was recorded before."""
        self._registrations = []
        if not self.is_on():
            _started.append(self)

    def stop(self) -> None:
        """Records no more; what was recorded stays."""
        if self.is_on():
            _started.remove(self)

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *exception: object) -> None:
        self.stop()

    def is_on(self) -> bool:
        """Whether the log is recording."""
        return self in _started

    def record(self, frame: types.FrameType | None, name: str, provider_type: str) -> None:
        """Notes a registration, if the log is recording; the registries do so by themselves.

        Args:
          frame: the innermost frame of the call.
          name: of what is registered.
          provider_type: `Task` or `Mixture`.
        """
        if self.is_on():
            sites = tuple(call_sites(frame, self._max_frames))
            self._registrations.append(Registration(name, provider_type, sites))

    def registrations(self) -> list[Registration]:
        """What was recorded, in order; a name is there as often as it was registered."""
        return list(self._registrations)

    def by_name(self) -> dict[str, tuple[str, list[str]]]:
        """The last registration of each name: its type, and the lines as `file:line`."""
        return {each.name: (each.provider_type, list(map(str, each.call_sites))) for each in self._registrations}

    def to_tsv(self, part: str = "") -> str:
        r"""A table with tabs: a line of headings, then one for each registration whose name contains `part`.

        >>> print(RegistrationLog().to_tsv().replace("\t", " | "))
        name | type | registered at
        <BLANKLINE>
        """
        registrations = [each for each in self._registrations if part in each.name]
        width = max([1, *(len(each.call_sites) for each in registrations)])
        rows = [["name", "type", "registered at", *["called from"] * (width - 1)]]
        for each in registrations:
            padding = [""] * (width - len(each.call_sites))
            rows.append([each.name, each.provider_type, *map(str, each.call_sites), *padding])
        return "".join("\t".join(row) + "\n" for row in rows)


_started: list[RegistrationLog] = []


def note_registration(name: str, kind: str) -> None:
    """Tells every log that is recording of a registration; called by the table that keeps it."""
    if _started:  # almost never, and this runs once for each of thousands of tasks
        for log in tuple(_started):
            log.record(sys._getframe(1), name, kind.capitalize())


def user_call_sites(frame: types.FrameType | None, max_frames: int = MAX_FRAMES) -> list[str]:
    """The user's lines from `frame` up the call stack as `file:line`, nearest first; see `call_sites`."""
    return list(map(str, call_sites(frame, max_frames)))
