"""What is done at a step where evaluators are due: which of them start, which are held, and which are skipped."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple, final

from evalkit.training.earlier_runs import EarlierRuns
from evalkit.training.inline_part import Part, Snapshot
from evalkit.training.inline_runner import Runner
from evalkit.training.modes import Mode


class Plan(NamedTuple):
    """What all processes do at a step: the first one decides.

    Attributes:
      skipped: parts that leave out the step with which they waited, or this one.
      started: of which step, which parts.
      held: parts that wait with the parameters of this step.
    """

    skipped: list[Part]
    started: dict[int, list[Part]]
    held: list[Part]


@final
class Planner:
    """Decides; in the first process only."""

    def __init__(self, mode: Mode, last_step: int, earlier: EarlierRuns, runner: Runner) -> None:
        """Takes what decisions depend on."""
        self._when_busy = getattr(mode, "when_busy", "wait")
        self._last_step, self._earlier, self._runner = last_step, earlier, runner

    def plan(self, now: Snapshot, due: Sequence[Part], held: Mapping[Part, Snapshot]) -> Plan:
        """The plan for a step; it waits where the policy says so, or at the last step.

        Args:
          now: the step and its parameters.
          due: by the schedule.
          held: what waits for its turn, with the parameters that it waits with.
        """
        new = self._earlier.undone(due, now)
        if new and (self._when_busy == "wait" or now.step >= self._last_step):
            self._runner.wait()
        waiting = {part: of.step for part, of in held.items()}
        skipped = [part for part in new if waiting.pop(part, None) is not None]  # there are later parameters now
        if self._runner.unfinished is None:
            started: dict[int, list[Part]] = {}
            for part, of in sorted((*waiting.items(), *((part, now.step) for part in new)), key=lambda each: each[1]):
                started.setdefault(of, []).append(part)
            return Plan(skipped, started, [])
        if self._when_busy == "skip":
            return Plan(new, {}, [])
        return Plan(skipped, {}, new)
