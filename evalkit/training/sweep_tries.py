"""What is tried again while a sweep waits: a checkpoint that could not be read, or on which a task failed.

Such a failure may pass, as that of a network file system does, or it may not, as that of a metric does. So each is
tried three times, the second after a pause and the third after one that is twice as long.
"""

from __future__ import annotations

import time
from collections.abc import Iterable
from typing import NamedTuple, final

from evalkit.evaluations.checkpoint import Checkpoint

NUM_TRIES = 3
"""How often a checkpoint is tried that fails each time."""


class _Tried(NamedTuple):
    times: int
    failed: bool
    ended: float


@final
class Tries:
    """How it went with checkpoints so far, by their identity."""

    def __init__(self, pause_s: float) -> None:
        """Takes the seconds between a first try and a second."""
        self._pause_s = pause_s
        self._tried: dict[str, _Tried] = {}

    def new(self, found: Iterable[Checkpoint]) -> list[Checkpoint]:
        """Those that were not tried yet."""
        return [checkpoint for checkpoint in found if checkpoint.identity not in self._tried]

    def due(self, found: Iterable[Checkpoint]) -> list[Checkpoint]:
        """Those that failed, and whose pause is over."""
        return [checkpoint for checkpoint in found if self._is_due(checkpoint.identity)]

    def note(self, what: str, succeeded: bool) -> None:
        """Notes that it was tried."""
        times = self._tried[what].times if what in self._tried else 0
        self._tried[what] = _Tried(times + 1, not succeeded, time.monotonic())

    def note_unreadable(self, steps: Iterable[int]) -> None:
        """Notes that what stands at these steps is no checkpoint that can be read; to look at it is to try it."""
        for step in steps:
            if _at(step) not in self._tried or self._is_due(_at(step)):
                self.note(_at(step), False)

    def is_over(self, found: Iterable[Checkpoint], unreadable: Iterable[int]) -> bool:
        """Whether nothing of this is to be tried again."""
        return not any(map(self._is_pending, [*(each.identity for each in found), *map(_at, unreadable)]))

    def _is_pending(self, what: str) -> bool:
        tried = self._tried.get(what)
        return tried is not None and tried.failed and tried.times < NUM_TRIES

    def _is_due(self, what: str) -> bool:
        tried = self._tried.get(what)
        if tried is None or not self._is_pending(what):
            return False
        return time.monotonic() - tried.ended >= self._pause_s * tried.times


def _at(step: int) -> str:
    return f"step {step}"
