"""When a training is evaluated: exact steps, the same ones however often the training is interrupted.

A step counts the updates that were made, from the very beginning of the training: parameters at step 100 have seen 100
updates. A list of evaluators with an `every` of 50 is due at each multiple of 50, before the first update, and after
the last one.

    >>> schedule = EvalSchedule(num_steps=120, eval_every=50, infrequent_eval_every=100)
    >>> list(schedule.frequent_steps), list(schedule.infrequent_steps)
    ([0, 50, 100, 120], [0, 100, 120])
    >>> schedule.due(50)
    Due(frequent=True, infrequent=False)
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from typing import NamedTuple, final

from absl import logging

from evalkit.errors import ArgumentError
from evalkit.inference.arguments import whole_number


class Due(NamedTuple):
    """Which of the two lists of evaluators are due at a step."""

    frequent: bool
    infrequent: bool


@final
@dataclasses.dataclass(frozen=True)
class EvalSchedule:
    """At which steps evaluators are due.

    A resumed training has the schedule of the first one, unchanged: what was done already is known from the ledger of
    `InlineEvaluation`.

    Attributes:
      num_steps: the step after which training ends, counted as all steps are: `start_step` is not added to it.
      eval_every: frequent evaluators are due at its multiples; 0 disables them altogether.
      infrequent_eval_every: the same for infrequent evaluators.
      start_step: how many updates the parameters had seen before the whole training began: 0, or for a training that
        begins from other parameters perhaps the step of these. Not the step from which a training is resumed.
      at_start: whether evaluators are due at `start_step`, before the first update.
      at_end: whether evaluators are due at `num_steps`, also where that is no multiple.

    Raises:
      ArgumentError: a number is negative, or training ends before it starts.
      ArgumentTypeError: a number is not whole.
    """

    num_steps: int
    eval_every: int = 0
    infrequent_eval_every: int = 0
    start_step: int = 0
    at_start: bool = True
    at_end: bool = True

    def __post_init__(self) -> None:
        for name in ("num_steps", "eval_every", "infrequent_eval_every", "start_step"):
            object.__setattr__(self, name, whole_number(name, getattr(self, name), least=0))
        if self.num_steps < self.start_step:
            raise ArgumentError(
                f"Training from start_step {self.start_step} cannot end at num_steps {self.num_steps}. num_steps "
                f"counts all updates, those before start_step too: for as many updates more, it is "
                f"{self.start_step + self.num_steps}."
            )
        for name in ("eval_every", "infrequent_eval_every"):
            self._warn_of(name, getattr(self, name))

    def _warn_of(self, name: str, every: int) -> None:
        if every and not self._multiples(every):
            ends = [words for words, there in (("at the start", self.at_start), ("at the end", self.at_end)) if there]
            logging.warning(
                "%s=%d never fires within the planned steps, %d to %d: evaluators are run %s. Lower it, or set it to 0 "
                "to disable them.",
                *(name, every, self.start_step, self.num_steps, " and ".join(ends) or "never"),
            )

    @property
    def frequent_steps(self) -> Iterator[int]:
        """The steps at which the frequent evaluators are due, in order."""
        return self._steps(self.eval_every)

    @property
    def infrequent_steps(self) -> Iterator[int]:
        """The steps at which the infrequent evaluators are due, in order."""
        return self._steps(self.infrequent_eval_every)

    def due(self, step: int) -> Due:
        """Which evaluators are due at `step`; none outside of the planned steps."""
        return Due(self._is_due(step, self.eval_every), self._is_due(step, self.infrequent_eval_every))

    def between(self, step: int, later: int) -> int | None:
        """The first step after `step` and before `later` at which anything is due; None if there is none."""
        multiples = {(step // every + 1) * every for every in (self.eval_every, self.infrequent_eval_every) if every}
        found = {self.start_step, self.num_steps, *multiples}
        return min((due for due in found if step < due < later and any(self.due(due))), default=None)

    def _is_due(self, step: int, every: int) -> bool:
        if not every or not self.start_step <= step <= self.num_steps:
            return False
        at_end = self.at_end and step == self.num_steps
        return at_end or (self.at_start if step == self.start_step else step % every == 0)

    def _multiples(self, every: int) -> range:
        """Multiples behind the first step."""
        return range((self.start_step // every + 1) * every, self.num_steps + 1, every)

    def _steps(self, every: int) -> Iterator[int]:
        candidates = {self.start_step, self.num_steps, *self._multiples(every)} if every else set()
        return (step for step in sorted(candidates) if self._is_due(step, every))
