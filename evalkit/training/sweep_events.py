"""The events of a sweep, as TensorBoard reads them: one point for each tag and step, whatever changed meanwhile.

    <log_dir>/events.out.tfevents.<time>.sweep.<step>-<task>-<checkpoint>-<key>

A file has what one entry says. Its name tells the place on the curves, which are step and task (a hash of its name),
and then the entry. What is written for a place replaces whatever a sweep wrote there before: of another checkpoint of
that step, or of the task as it was then.
"""

from __future__ import annotations

import hashlib
import os
import re
import time
from collections.abc import Mapping
from pathlib import Path
from typing import final

from absl import logging

from evalkit.loggers.directories import errors_of
from evalkit.loggers.event_files import first_event, record
from evalkit.loggers.files import LocalFiles
from evalkit.loggers.tensorboard import serialized_event
from evalkit.metrics.values import MetricValue

_NAME = re.compile(r"events\.out\.tfevents\.[\d.]+\.sweep\.(?P<place>\d+-[0-9a-f]{12})-(?P<owner>.+)")


@final
class SweepEvents:
    """The event files in one folder."""

    def __init__(self, log_dir: Path, results_dir: Path) -> None:
        """Takes the folders; nothing is read yet.

        Args:
          log_dir: where the files are, together with those of a trainer or of other sweeps.
          results_dir: of this sweep; tells its unfinished files from those of another.
        """
        self._folder = log_dir
        self._hidden = f".sweep-{_hash(str(results_dir.resolve()))}"  # no name that TensorBoard reads
        self._names: dict[str, list[str]] = {}

    def look(self) -> None:
        """Reads which files there are, and deletes what a sweep that was killed left unfinished.

        Raises:
          LoggerError: the folder cannot be read, or a file not be deleted.
        """
        self._names = {}
        with errors_of("A sweep", self._folder, "log_dir"):
            for name in sorted(os.listdir(self._folder)):
                if name.startswith(self._hidden):
                    (self._folder / name).unlink(missing_ok=True)
                elif match := _NAME.fullmatch(name):
                    self._names.setdefault(match["place"], []).append(name)

    def are_of(self, step: int, task: str, owner: str) -> bool:
        """Whether what stands at a place is what was written for `owner`."""
        owners = [match["owner"] for name in self._at(step, task) if (match := _NAME.fullmatch(name))]
        return owners == [owner] and (self._folder / self._at(step, task)[0]).exists()

    def write(self, step: int, task: str, owner: str, values: Mapping[str, MetricValue]) -> bool:
        """Writes all values in one file, whole or not at all; what else stands at the place is deleted.

        Args:
          step: of the checkpoint.
          task: name of the task.
          owner: whose values they are.
          values: by name; one that TensorBoard cannot show is left out, with a warning.

        Returns:
          Whether there was anything to write.

        Raises:
          LoggerError: a file cannot be written or deleted.
        """
        now, events = time.time(), []
        for metric, value in values.items():
            try:
                events.append(serialized_event(f"eval/{task}/{metric}", value, step, now))
            except (TypeError, ValueError) as error:
                logging.warning("Metric %r of task %r cannot be shown in TensorBoard: %s", metric, task, error)
        place = _place(step, task)
        target = f"events.out.tfevents.{now:017.6f}.sweep.{place}-{owner}"
        with errors_of("A sweep", self._folder, "log_dir"):
            for name in self._names.pop(place, []):
                (self._folder / name).unlink(missing_ok=True)
            if events:
                hidden = self._folder / self._hidden
                with LocalFiles().replacing(str(hidden)) as file:
                    file.write(b"".join(map(record, [first_event(), *events])))
                os.replace(hidden, self._folder / target)
                self._names[place] = [target]
        return bool(events)

    def _at(self, step: int, task: str) -> list[str]:
        return self._names.get(_place(step, task), [])


def _place(step: int, task: str) -> str:
    return f"{step:08d}-{_hash(task)}"


def _hash(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:12]
