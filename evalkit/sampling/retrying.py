"""Asking again: after which failures, how often, and after how long a pause.

The pause doubles from one attempt to the next, up to a limit, and is spread by chance between half of that and all of
it, so that many who failed together do not come back together. A server that says how long to wait is obeyed.

    >>> Retrying(attempts=4, first_pause_s=1.0, longest_pause_s=3.0).pause_s(3, asked_s=None, chance=1.0)
    3.0
"""

from __future__ import annotations

import asyncio
import dataclasses
import random
from collections.abc import Awaitable, Callable
from typing import TypeVar, final

from evalkit.errors import ArgumentError, SamplingError
from evalkit.inference.arguments import whole_number

T = TypeVar("T")


@final
class TransientFailure(Exception):
    """An attempt that failed in a way that another one may not.

    Attributes:
      asked_s: how many seconds the server asked to wait; None if it did not say.
    """

    def __init__(self, message: str, asked_s: float | None = None) -> None:
        """Says what happened."""
        super().__init__(message)
        self.asked_s = asked_s


@final
@dataclasses.dataclass(frozen=True)
class Retrying:
    """How often something is tried, and with what pauses.

    Attributes:
      attempts: how often at most.
      first_pause_s: how many seconds after the first failure.
      longest_pause_s: the longest pause, also where the server asks for more: then it is given up.

    Raises:
      ArgumentError: a number is out of range.
    """

    attempts: int = 6
    first_pause_s: float = 0.5
    longest_pause_s: float = 60.0

    def __post_init__(self) -> None:
        whole_number("attempts", self.attempts)
        if not 0 <= self.first_pause_s <= self.longest_pause_s:
            raise ArgumentError(
                f"first_pause_s must lie between 0 and longest_pause_s, {self.longest_pause_s}; "
                f"found {self.first_pause_s}."
            )

    def pause_s(self, failures: int, asked_s: float | None, chance: float) -> float:
        """How many seconds to wait after so many failures; `chance` in `[0, 1]` spreads it."""
        if asked_s is not None:
            return asked_s
        return float(min(self.first_pause_s * 2 ** (failures - 1), self.longest_pause_s) * (0.5 + 0.5 * chance))

    async def run(self, attempt: Callable[[], Awaitable[T]], what: str) -> T:
        """What `attempt` returns, the first time that it does not raise `TransientFailure`.

        Args:
          attempt: is called up to `attempts` times.
          what: is being asked, for the message.

        Raises:
          SamplingError: the last attempt failed, or the server asks for a longer pause than the longest.
        """
        failures = 0
        while True:
            try:
                return await attempt()
            except TransientFailure as failure:
                failures += 1
                pause = self.pause_s(failures, failure.asked_s, random.random())
                if failures == self.attempts:
                    what = f"{what} gave no answer in {failures} attempt(s)"
                    raise SamplingError(f"{what}; the last: {failure}") from failure
                if pause > self.longest_pause_s:
                    raise SamplingError(
                        f"{what} asks for a pause of {pause:g} seconds, and {self.longest_pause_s:g} is the longest "
                        f"(longest_pause_s): {failure}"
                    ) from failure
            await asyncio.sleep(pause)
