"""Asking again: after which failures, how often, and after how long a pause.

The pause doubles from one attempt to the next, up to a limit, and is spread by chance between half of that and all of
it, so that many who failed together do not come back together. A server that says how long to wait is obeyed, up to a
quarter later; one that says not to wait does not shorten a pause.

    >>> retrying = Retrying(attempts=4, first_pause_s=1.0, longest_pause_s=3.0)
    >>> retrying.pause_s(3, asked_s=None, chance=1.0), retrying.pause_s(1, asked_s=2.0, chance=1.0)
    (3.0, 2.5)
"""

from __future__ import annotations

import asyncio
import dataclasses
import random
from collections.abc import Awaitable, Callable
from typing import TypeVar, final

from evalkit.errors import ArgumentError, SamplingError
from evalkit.inference.arguments import real_number, whole_number

_SPREAD = 0.25

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
      ArgumentTypeError: something is no number.
    """

    attempts: int = 6
    first_pause_s: float = 0.5
    longest_pause_s: float = 60.0

    def __post_init__(self) -> None:
        whole_number("attempts", self.attempts)
        longest = real_number("longest_pause_s", self.longest_pause_s)
        if not 0 <= real_number("first_pause_s", self.first_pause_s) <= longest:
            raise ArgumentError(
                f"first_pause_s must lie between 0 and longest_pause_s, {self.longest_pause_s}; "
                f"found {self.first_pause_s}."
            )

    def pause_s(self, failures: int, asked_s: float | None, chance: float) -> float:
        """How many seconds to wait after so many failures.

        Args:
          failures: how many there were, at least 1.
          asked_s: how many seconds the server asks to wait, at most the longest pause; None if it does not say.
          chance: in `[0, 1]`, spreads the pause.
        """
        own = float(min(self.first_pause_s * 2 ** (failures - 1), self.longest_pause_s) * (0.5 + 0.5 * chance))
        if asked_s is None:
            return own
        return max(own, min(asked_s * (1 + _SPREAD * chance), self.longest_pause_s))

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
                if failures == self.attempts:
                    raise SamplingError(
                        f"{what} gave no answer in {failures} attempt(s); the last: {failure}"
                    ) from failure
                if failure.asked_s is not None and failure.asked_s > self.longest_pause_s:
                    raise SamplingError(
                        f"{what} asks for a pause of {failure.asked_s:g} seconds, and {self.longest_pause_s:g} is the "
                        f"longest (longest_pause_s): {failure}"
                    ) from failure
                pause = self.pause_s(failures, failure.asked_s, random.random())
            await asyncio.sleep(pause)
