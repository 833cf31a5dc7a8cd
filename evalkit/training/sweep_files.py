"""The files of a sweep, which are also its ledger.

    <results_dir>/results.jsonl                                   a line for each checkpoint and task
    <results_dir>/step_00000100-<checkpoint>/<task>-<key>/        one entry:
        result.json                                                 metrics and counts; written last
        <task>-000100.jsonl                                         an example a line
    <results_dir>/step_00000100-<checkpoint>/<task>-<key>.<kind>  outputs of the model (see `kept_outputs`)
    <log_dir>/events.out.tfevents.*.<key>                         an entry's events

An entry counts if its key is the one that is asked for and its rows are as they were written. Everything but outputs is
written under another name and renamed, and nothing of it tells the time or the machine: an interrupted sweep that goes
on ends with the same bytes.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import json
import os
import socket
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, final

import orjson
from absl import logging

from evalkit.errors import ArgumentError, InUseError
from evalkit.evaluations.checkpoint import Checkpoint
from evalkit.loggers.directories import errors_of
from evalkit.loggers.event_files import first_event, record
from evalkit.loggers.files import LocalFiles
from evalkit.loggers.json_encoding import encode
from evalkit.loggers.logger import safe_file_name
from evalkit.loggers.tensorboard import serialized_event
from evalkit.metrics.values import MetricValue
from evalkit.training.sweep_report import SweepEntry

RESULTS = "results.jsonl"
"""The name of the file with all results."""

_RESULT = "result.json"
_LOCK = ".sweep.lock"
_SHOWN = 12  # digits of an identity or a key in a name
_WRITER = "A sweep"


@final
class SweepFiles:
    """Reads and writes what one sweep keeps."""

    def __init__(self, results_dir: str | os.PathLike[str], log_dir: str | os.PathLike[str] | None = None) -> None:
        """Takes the folders; nothing is made yet.

        Args:
          results_dir: on a file system of this machine, since outputs are appended.
          log_dir: of the events for TensorBoard; None: `results_dir`.

        Raises:
          ArgumentError: a folder is a URL.
        """
        for name, folder in (("results_dir", results_dir), ("log_dir", log_dir or "")):
            if "://" in os.fspath(folder):
                raise ArgumentError(
                    f"{name} must be a folder on this machine, to whose files one can append; found "
                    f"{os.fspath(folder)!r}. Copy the results from there to where you want them."
                )
        self.results_dir = Path(results_dir)
        self.log_dir = Path(log_dir or results_dir)
        self._local = LocalFiles()

    @contextlib.contextmanager
    def locked(self) -> Iterator[None]:
        """No other process works with this `results_dir` in the block; a process that ends lets go of it.

        Raises:
          InUseError: another one does.
          LoggerError: the folders cannot be made or written.
        """
        for folder in (self.results_dir, self.log_dir):
            with errors_of(_WRITER, folder, "results_dir or log_dir"):
                self._local.make_directory(str(folder))
        with errors_of(_WRITER, self.results_dir, "results_dir"):
            lock = open(self.results_dir / _LOCK, "a+b")
        with lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                lock.seek(0)
                holder = lock.read().decode(errors="replace") or "another process"
                raise InUseError(
                    f"{self.results_dir} is being written by {holder}. Wait until it is done, or choose another "
                    "results_dir."
                ) from None
            lock.truncate(0)
            lock.write(f"process {os.getpid()} on {socket.gethostname()}".encode())
            lock.flush()
            yield

    def outputs_path(self, checkpoint: Checkpoint, task: str, key: str, kind: str) -> str:
        """Where the outputs of one kind are kept; their folder is made.

        Raises:
          LoggerError: the folder cannot be made.
        """
        folder = self._folder(checkpoint)
        with errors_of(_WRITER, folder, "results_dir"):
            self._local.make_directory(str(folder))
        return str(folder / f"{safe_file_name(task)}-{key[:_SHOWN]}.{kind}")

    def entry(self, checkpoint: Checkpoint, task: str, key: str) -> SweepEntry | None:
        """The entry for a checkpoint, a task and a key; None if there is none, or it is not as it was written."""
        return self._read(self._folder(checkpoint) / _entry_name(task, key), key)

    def entries(self, keys: Mapping[str, str], directory: str, identities: frozenset[str]) -> list[SweepEntry]:
        """The entries of the tasks with these keys, by name, in the order of steps and tasks.

        Args:
          keys: by task.
          directory: those of checkpoints that stood in this folder,
          identities: and those of these checkpoints, wherever they stood.
        """
        found = []
        for folder in sorted(self.results_dir.glob("step_*")):
            for task, key in keys.items():
                path = folder / _entry_name(task, key)
                entry = self._read(path, key)
                if entry and (entry.checkpoint in identities or self._document(path)["directory"] == directory):
                    found.append(entry)
        return sorted(found, key=lambda entry: (entry.step, entry.task, entry.checkpoint))

    def add(
        self,
        checkpoint: Checkpoint,
        key: str,
        directory: str,
        entry: SweepEntry,
        write_rows: Callable[[str], None] | None,
        values: Mapping[str, MetricValue],
    ) -> SweepEntry:
        """Writes rows, then events, then the entry that says that they are there.

        Args:
          checkpoint: what was evaluated.
          key: of the task and the settings.
          directory: in which the checkpoint stood.
          entry: what was found.
          write_rows: writes `<task>-<step>.jsonl` into a folder; None where there are no rows.
          values: the metrics, for TensorBoard.

        Returns:
          The entry, with the path of its rows.

        Raises:
          LoggerError: a file cannot be written.
        """
        folder = self._folder(checkpoint) / _entry_name(entry.task, key)
        with errors_of(_WRITER, folder, "results_dir"):
            self._local.make_directory(str(folder))
        rows = ""
        if write_rows is not None:
            write_rows(str(folder))
            rows = f"{safe_file_name(entry.task)}-{entry.step:06}.jsonl"
        self._write_events(f"{checkpoint.identity[:_SHOWN]}-{key[:_SHOWN]}", entry, values)
        document = {
            **entry.as_json(),
            "key": key,
            "directory": directory,
            "rows": rows,
            "rows_sha256": _digest(folder / rows) if rows else "",
        }
        self._write(folder / _RESULT, _json(document))
        return SweepEntry.from_json({**document, "rows": str(folder / rows) if rows else ""})

    def write_results(self, entries: list[SweepEntry]) -> None:
        """Makes `results.jsonl` of all entries; rows are named as they stand below `results_dir`.

        Raises:
          LoggerError: the file cannot be written.
        """
        lines = []
        for entry in entries:
            rows = os.path.relpath(entry.rows, self.results_dir) if entry.rows else ""
            lines.append(encode({**entry.as_json(), "rows": rows}) + b"\n")
        self._write(self.results_dir / RESULTS, b"".join(lines))

    def _folder(self, checkpoint: Checkpoint) -> Path:
        return self.results_dir / f"step_{checkpoint.step:08d}-{checkpoint.identity[:_SHOWN]}"

    def _read(self, folder: Path, key: str) -> SweepEntry | None:
        document = self._document(folder)
        if document is None or document.get("key") != key:
            return None
        try:
            path = str(folder / document["rows"]) if document["rows"] else ""
            if path and _digest(Path(path)) != document["rows_sha256"]:
                return None
            return SweepEntry.from_json({**document, "rows": path})
        except (KeyError, TypeError, ValueError, OSError):
            logging.warning("%s is not as evalkit wrote it, and is not used.", folder)
            return None

    def _document(self, folder: Path) -> Any:
        try:
            return json.loads((folder / _RESULT).read_bytes())
        except (OSError, ValueError):
            return None

    def _write(self, path: Path, content: bytes) -> None:
        with errors_of(_WRITER, path, "results_dir"), self._local.replacing(str(path)) as file:
            file.write(content)

    def _write_events(self, name: str, entry: SweepEntry, values: Mapping[str, MetricValue]) -> None:
        """One event file an entry, whole or not there; where there is one already, it takes its place."""
        now, events = time.time(), []
        for metric, value in values.items():
            try:
                events.append(serialized_event(f"eval/{entry.task}/{metric}", value, entry.step, now))
            except (TypeError, ValueError) as error:
                logging.warning("Metric %r of task %r cannot be shown in TensorBoard: %s", metric, entry.task, error)
        with errors_of(_WRITER, self.log_dir, "log_dir"):
            earlier = sorted(self.log_dir.glob(f"events.out.tfevents.*.{name}"))
            target = self.log_dir / f"events.out.tfevents.{now:017.6f}.sweep.{name}"
            if not events:
                return
            with self._local.replacing(str(self.log_dir / f".{name}")) as file:  # no name that TensorBoard reads
                file.write(b"".join(map(record, [first_event(), *events])))
            os.replace(self.log_dir / f".{name}", earlier[0] if earlier else target)


def _entry_name(task: str, key: str) -> str:
    return f"{safe_file_name(task)}-{key[:_SHOWN]}"


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _json(document: Mapping[str, Any]) -> bytes:
    return orjson.dumps(document, option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE)
