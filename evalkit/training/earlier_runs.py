"""What the ledger that earlier runs have left is worth to this one.

A line counts for the evaluator, the step and the parameters that it was made of, never for a name alone: where the
evaluator has changed, or the parameters of the step are others, as in another training, it is evaluated anew.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Mapping, Sequence
from typing import final

from absl import logging

from evalkit.inference.model import Tree
from evalkit.inference.parameter_digest import parameter_digest
from evalkit.training.inline_log import InlineLog
from evalkit.training.inline_part import Facts, Part, Snapshot
from evalkit.training.inline_record import InlineRecord
from evalkit.training.schedule import EvalSchedule

_SHOWN = 5


@final
class EarlierRuns:
    """Tells what need not be evaluated again; for the first process only."""

    def __init__(self, log: InlineLog, facts: Mapping[Part, Facts], schedule: EvalSchedule) -> None:
        """Takes the ledger."""
        self._log, self._facts, self._schedule = log, facts, schedule
        self._decided: set[tuple[Part, int]] = set()
        self._warned: set[str] = set()

    def begin(self, step: int, frequent: Sequence[Part], infrequent: Sequence[Part]) -> None:
        """Warns, at the first step of this run, of what seems to be of another training, and of what is lost."""
        of_these = [record.step for record in self._log.records if record.part in self._facts]
        if step <= self._schedule.start_step and max(of_these, default=step) > step:
            logging.warning(
                "A training begins at step %d, and %s has evaluations of an earlier one, up to step %d. What is of the "
                "same evaluator and of the same parameters is not evaluated again, everything else is, and TensorBoard "
                "shows both as one run. If this is another training, pass another log_dir.",
                *(step, self._log.path, max(of_these)),
            )
        before = [*_before(step, self._schedule.frequent_steps, frequent)]
        before += _before(step, self._schedule.infrequent_steps, infrequent)
        lost = sorted((of, part) for part, of in before if self._log.find(part, of) is None)
        if lost:
            shown = "; ".join(f"{part} at step {of}" for of, part in lost[:_SHOWN])
            logging.warning(
                "This run begins at step %d, and %d evaluation(s) that were due before have no line in %s, as the "
                "training was killed, or had other evaluators: %s%s. They are made if training comes by again, or with "
                "`evalkit evaluate` if there is a checkpoint. Call `wait()` before a checkpoint is saved, and none is "
                "lost. If training began at step %d, pass start_step=%d to EvalSchedule.",
                *(step, len(lost), self._log.path, shown, "; ..." if len(lost) > _SHOWN else "", step, step),
            )

    def undone(self, parts: Iterable[Part], of: Snapshot) -> list[Part]:
        """Those of `parts` that have yet to be evaluated at the step, each told only once."""
        found = []
        for part in parts:
            if (part, of.step) not in self._decided:
                self._decided.add((part, of.step))
                record = self._log.find(part, of.step)
                if record is None or not self._stands(record, of):
                    found.append(part)
        return found

    def _stands(self, record: InlineRecord, of: Snapshot) -> bool:
        differs = self._difference(record, of)
        if not differs:
            logging.info("%s stands in %s for step %d, and is not evaluated again.", *self._told(record))
            return True
        if differs not in self._warned:
            self._warned.add(differs)
            logging.warning("%s stands in %s for step %d, and is evaluated anew: %s", *self._told(record), differs)
        return False

    def _told(self, record: InlineRecord) -> tuple[Part, str, int]:
        return record.part, self._log.path, record.step

    def _difference(self, record: InlineRecord, of: Snapshot) -> str:
        mine = self._facts[record.part].fingerprint
        if mine and record.fingerprint and mine != record.fingerprint:
            return f"{record.part} has changed, in its code, its settings or its examples."
        if of.digest and record.parameters and of.digest != record.parameters:
            return (
                "the parameters of the step are others: this is another training, which needs another log_dir, or one "
                "that does not repeat itself to the bit."
            )
        return ""


def digest_of(params: Tree) -> str:
    """The digest of parameters; empty where they are not all arrays. All processes that share them must call it."""
    try:
        return parameter_digest(params)
    except Exception:  # noqa: BLE001 - leaves may be of anyone's classes; what an evaluator makes of them is its affair
        return ""


def _before(step: int, due: Iterable[int], parts: Sequence[Part]) -> Iterable[tuple[Part, int]]:
    return ((part, of) for of in itertools.takewhile(lambda each: each < step, due) for part in parts)
