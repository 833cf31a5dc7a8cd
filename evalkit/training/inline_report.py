"""From what an evaluator found to its record, whatever that is: here an evaluator's mistakes end."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import NamedTuple

from absl import logging

from evalkit.training.inline_log import InlineLog
from evalkit.training.inline_part import Facts, Part, Snapshot
from evalkit.training.inline_record import Finding, InlineRecord, TaskMetrics


class Report(NamedTuple):
    """What an evaluator found.

    Attributes:
      record: in numbers and texts.
      metrics: as it returned them.
    """

    record: InlineRecord
    metrics: TaskMetrics


def report_of(part: Part, facts: Facts, step: int, finding: Finding, seconds: float) -> Report:
    """The report of what was found; numbers and exceptions of classes that fail themselves are a failure in it."""
    try:
        return _report(part, facts, step, finding.checked(part, step), seconds)
    except Exception as error:  # noqa: BLE001 - values are of anyone's classes, and may raise anything
        return _report(part, facts, step, Finding(failure=error), seconds)


def _report(part: Part, facts: Facts, step: int, finding: Finding, seconds: float) -> Report:
    if finding.failure is not None and not finding.counts:
        finding = dataclasses.replace(finding, counts=facts.all_failed())
    return Report(InlineRecord.of(part, step, finding, seconds), finding.metrics)


def log_report(log: InlineLog, report: Report, facts: Facts, digest: str, held_seconds: float = 0.0) -> None:
    """Adds a report to the log, and tells failures; nothing is raised.

    Args:
      log: of the training.
      report: of one part at one step.
      facts: of the part.
      digest: of the parameters.
      held_seconds: for how long training was held up.
    """
    record = report.record
    try:
        if record.status == "failed":
            logging.error("%s failed at step %d: %s\n%s", record.part, record.step, record.error, record.traceback)
        log.add(
            dataclasses.replace(
                record, fingerprint=facts.fingerprint, parameters=digest, held_seconds=round(held_seconds, 6)
            ),
            report.metrics,
        )
    except Exception:  # noqa: BLE001 - a class of someone else's again; training goes on
        logging.exception("%s: what it found at step %d cannot be logged.", record.part, record.step)


def log_skipped(log: InlineLog | None, part: Part, facts: Mapping[Part, Facts], of: Snapshot) -> None:
    """Tells that a part leaves out a step, and adds the record where there is a log."""
    logging.warning("%s is skipped at step %d: an earlier step is still being evaluated.", part, of.step)
    if log is not None:
        seen = facts[part].fingerprint
        log.add(
            InlineRecord(of.step, part.evaluator, "skipped", task=part.task, fingerprint=seen, parameters=of.digest)
        )
