"""Where the results of inline evaluations go: TensorBoard, and a ledger that tells what need not be done again.

The ledger is a file of JSON lines, one for each evaluator (of an `Evaluator`, for each task) and step, and each line is
whole. If something was evaluated anew, since the evaluator or the parameters were others, the last line counts.

In TensorBoard all are one run, with the tags `eval/<evaluator>/<task>/<metric>`; `eval/skipped` and `eval/failed` count
up. Events are written before the line that says that they are; those of a line that a kill has kept from being written
are found when the evaluation is done again, and not written twice.

A disk that is full costs nothing but time: what cannot be written is kept, and written when there is room.
"""

from __future__ import annotations

import dataclasses
import json
import os
import re
import threading
import time
from collections.abc import Iterator, Mapping
from types import MappingProxyType
from typing import Any, final

import tensorflow as tf
from absl import logging
from tensorboard.backend.event_processing.event_file_loader import EventFileLoader

from evalkit.errors import LoggerError
from evalkit.loggers.directories import errors_of, files_of, path_below
from evalkit.loggers.event_files import EventFile, EventObjects, EventWriter
from evalkit.loggers.files import LocalFiles
from evalkit.loggers.json_encoding import encode
from evalkit.loggers.tensorboard import serialized_event
from evalkit.training.inline_part import Part
from evalkit.training.inline_record import InlineRecord, TaskMetrics, shown

LEDGER = "inline_evaluations.jsonl"
"""The name of the ledger in `log_dir`."""

_NAME = "InlineEvaluation"
_OURS = re.compile(r"events\.out\.tfevents\..*\.\d{6}")  # as `event_files` names them, and TensorFlow does not


@final
class InlineLog:
    """Records by evaluator and step: those of earlier runs in the same `log_dir`, and those that are added."""

    def __init__(self, log_dir: str | os.PathLike[str]) -> None:
        """Makes the directory, and reads what there is.

        Raises:
          LoggerError: the directory cannot be made or written, or the ledger is damaged.
        """
        self._directory = os.fspath(log_dir)
        self._files = files_of(log_dir)
        self._path = path_below(log_dir, LEDGER)
        with errors_of(_NAME, log_dir, "log_dir"):
            self._files.make_directory(self._directory)
        self._records = {(record.part, record.step): record for record in read_records(log_dir)}
        self._in_tensorboard = frozenset(_events_of(self._directory))
        is_local = isinstance(self._files, LocalFiles)
        self._writer: EventWriter = (
            EventFile(self._directory) if is_local else EventObjects(self._files, self._directory)
        )
        self._unwritten: list[_Unwritten] = []
        self._lock = threading.Lock()
        self._closed = False

    @property
    def path(self) -> str:
        """Of the ledger."""
        return self._path

    @property
    def records(self) -> tuple[InlineRecord, ...]:
        """All records, in the order in which they were made."""
        return tuple(self._records.values())

    def find(self, part: Part, step: int) -> InlineRecord | None:
        """The record of a part at a step; None if there is none."""
        return self._records.get((part, step))

    def add(self, record: InlineRecord, metrics: TaskMetrics = MappingProxyType({})) -> None:
        """Adds a record, and writes it if that is possible now; what goes wrong is logged, and never raised.

        Args:
          record: becomes a line of the ledger; one of the same part and step is replaced.
          metrics: become events of TensorBoard.
        """
        with self._lock:
            if self._closed:
                logging.warning("%s: what it found at step %d came too late to be logged.", record.part, record.step)
                return
            # No two have the same tag: a metric that has slashes is of a task that has none, or the other way round.
            names = (
                (f"eval/{record.evaluator}/{task}/{name}", of[name]) for task, of in metrics.items() for name in of
            )
            values: dict[str, Any] = dict(names)
            is_anew = (record.part, record.step) in self._records
            self._records[record.part, record.step] = record
            if record.status != "done":
                values[f"eval/{record.status}"] = sum(each.status == record.status for each in self.records)
            self._unwritten.append(_Unwritten(self._events(values, record.step, is_anew), _line_of(record)))
            self._write()

    def flush(self) -> None:
        """Writes what could not be written before, if that is possible now."""
        with self._lock:
            self._write()

    def close(self, timeout_s: float = -1) -> None:
        """Writes what could not be written before; if it still cannot, says so in the log of the process.

        Closing again does nothing.

        Args:
          timeout_s: how long to wait for what another thread is writing; negative is any time.
        """
        if not self._lock.acquire(timeout=timeout_s):
            logging.error("%s: a result is still being written, and may be lost.", self._path)
            return
        try:
            if self._closed:
                return
            self._closed = True
            self._write()
            for lost in self._unwritten:
                logging.error("%s has no room for a result, which is lost: %s", self._path, lost.line.decode())
            self._writer.close()
        finally:
            self._lock.release()

    def _events(self, values: Mapping[str, Any], step: int, is_anew: bool) -> list[bytes]:
        events, now = [], time.time()
        for tag, value in values.items():
            if (tag, step) in self._in_tensorboard and not is_anew:
                continue
            try:
                events.append(serialized_event(tag, shown(value), step, now))
            except (TypeError, ValueError) as error:
                logging.warning("%s at step %d cannot be shown in TensorBoard: %s", tag, step, error)
        return events

    def _write(self) -> None:
        try:
            while self._unwritten:
                first = self._unwritten[0]
                with errors_of(_NAME, self._path, "log_dir"):
                    if first.events:
                        self._writer.write(first.events)
                        first.events.clear()
                    self._files.append_line(self._path, first.line)
                del self._unwritten[0]
        except LoggerError as error:
            logging.error("%d result(s) wait to be written. %s", len(self._unwritten), error)


@final
@dataclasses.dataclass
class _Unwritten:
    """What a record still needs to have written: its events first, then its line."""

    events: list[bytes]
    line: bytes


def read_records(log_dir: str | os.PathLike[str]) -> tuple[InlineRecord, ...]:
    """The records in the ledger of `log_dir`, in the order in which they were made; none where there is no ledger.

    Raises:
      LoggerError: a line is none that evalkit wrote. A last line that was cut off does not count.
    """
    path = path_below(log_dir, LEDGER)
    if not tf.io.gfile.exists(path):
        return ()
    with tf.io.gfile.GFile(path, "rb") as file:
        lines = file.read().split(b"\n")
    found = []
    for number, line in enumerate(lines, 1):
        try:
            if line:
                found.append(InlineRecord.from_line(json.loads(line)))
        except (ValueError, TypeError) as error:
            if number < len(lines):
                raise LoggerError(
                    f"{path}:{number} is no record of an inline evaluation: {line[:80]!r}. Repair the line, or pass "
                    "another log_dir."
                ) from error
    return tuple(found)


def _line_of(record: InlineRecord) -> bytes:
    return encode(record.as_line()) + b"\n"


def _events_of(directory: str) -> Iterator[tuple[str, int]]:
    """Tags and steps that are in event files of evalkit's already."""
    for name in sorted(tf.io.gfile.listdir(directory)):
        if _OURS.fullmatch(name):
            for event in EventFileLoader(path_below(directory, name)).Load():
                yield from ((value.tag, event.step) for value in event.summary.value)
