"""The files of a sweep, which are also its ledger.

    <results_dir>/results.jsonl                                   a line for each checkpoint and task
    <results_dir>/step_00000100-<checkpoint>/<task>-<key>/        one entry:
        result.json                                                 metrics and counts; written last
        <task>-000100.jsonl                                         an example a line
    <results_dir>/step_00000100-<checkpoint>/<task>-<key>.<kind>  outputs of the model (see `kept_outputs`)
    <log_dir>/events.out.tfevents.*.sweep.*                       an entry's events (see `sweep_events`)

An entry counts if its key is the one that is asked for and its rows are as they were written. Of a task at a step of
one training there is one entry: with another checkpoint or another key, `result.json` of the former is deleted, and
its rows and outputs stay. Everything but outputs is written under another name and renamed, and nothing of it tells
the time or the machine: an interrupted sweep that goes on ends with the same bytes.
"""

from __future__ import annotations

import contextlib
import os
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import final

import orjson

from evalkit.errors import ArgumentError
from evalkit.evaluations.checkpoint import Checkpoint
from evalkit.loggers.directories import errors_of
from evalkit.loggers.files import LocalFiles
from evalkit.loggers.json_encoding import encode
from evalkit.loggers.logger import safe_file_name
from evalkit.metrics.values import MetricValue
from evalkit.training.sweep_events import SweepEvents
from evalkit.training.sweep_lock import locked
from evalkit.training.sweep_records import Record, RecordReader, document_of
from evalkit.training.sweep_report import SweepEntry

RESULTS = "results.jsonl"
"""The name of the file with all results."""

_RESULT = "result.json"
_SHOWN = 12  # digits of an identity or a key in a name
_WRITER = "A sweep"
_UNFINISHED = re.compile(r".+\.\d+\.tmp")  # as `LocalFiles.replacing` calls them


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
        self._events = SweepEvents(self.log_dir, self.results_dir)
        self._reader = RecordReader()

    @contextlib.contextmanager
    def locked(self) -> Iterator[None]:
        """No other process works with this `results_dir` in the block; what one left unfinished is deleted.

        Raises:
          InUseError: another one does.
          LoggerError: the folders cannot be made or written.
        """
        for folder in (self.results_dir, self.log_dir):
            with errors_of(_WRITER, folder, "results_dir or log_dir"):
                self._local.make_directory(str(folder))
        with locked(self.results_dir):
            with errors_of(_WRITER, self.results_dir, "results_dir"):
                for pattern in (f"{RESULTS}.*.tmp", "step_*/*/*.tmp"):
                    for path in self.results_dir.glob(pattern):
                        if _UNFINISHED.fullmatch(path.name):
                            path.unlink(missing_ok=True)
            self._events.look()
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
        found = self._reader.read(self._folder(checkpoint) / _entry_name(task, key) / _RESULT)
        return found.entry if found is not None and found.key == key else None

    def is_done(self, checkpoint: Checkpoint, task: str, key: str) -> bool:
        """Whether there is such an entry, nothing failed in it, and its events are what stands in TensorBoard."""
        found = self._reader.read(self._folder(checkpoint) / _entry_name(task, key) / _RESULT)
        if found is None or found.key != key or found.entry.failures:
            return False
        return not found.has_events or self._events.are_of(checkpoint.step, task, _owner(checkpoint, key))

    def records(self, directory: str, standing: Mapping[int, str]) -> list[Record]:
        """All that is known, of whatever task, in the order of steps and tasks.

        Args:
          directory: of checkpoints,
          standing: and the identity of the one that stands in it, by step. Others of that step are left out.
        """
        found = filter(None, map(self._reader.read, self.results_dir.glob(f"step_*/*/{_RESULT}")))
        current = (
            record
            for record in found
            if record.directory != directory
            or standing.get(record.entry.step, record.entry.checkpoint) == record.entry.checkpoint
        )
        return sorted(current, key=lambda each: (each.entry.step, each.entry.task, each.entry.checkpoint, each.key))

    def add(
        self,
        checkpoint: Checkpoint,
        key: str,
        directory: str,
        entry: SweepEntry,
        write_rows: Callable[[str], None] | None,
        values: Mapping[str, MetricValue],
    ) -> None:
        """Writes rows, then events, then the entry that says that they are there.

        Args:
          checkpoint: what was evaluated.
          key: of the task and the settings.
          directory: in which the checkpoint stood.
          entry: what was found.
          write_rows: writes `<task>-<step>.jsonl` into a folder; None where there are no rows.
          values: the metrics, for TensorBoard.

        Raises:
          LoggerError: a file cannot be written.
        """
        path = self._folder(checkpoint) / _entry_name(entry.task, key) / _RESULT
        with errors_of(_WRITER, path.parent, "results_dir"):
            self._local.make_directory(str(path.parent))
        rows = ""
        if write_rows is not None:
            write_rows(str(path.parent))
            rows = f"{safe_file_name(entry.task)}-{entry.step:06}.jsonl"
        self._give_way(path, entry, directory)
        has_events = self._events.write(entry.step, entry.task, _owner(checkpoint, key), values)
        document = {
            **entry.as_json(),
            "key": key,
            "directory": directory,
            "has_events": has_events,
            "rows": rows,
            "rows_sha256": self._reader.digest(path.parent / rows) if rows else "",
        }
        self._write(path, orjson.dumps(document, option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE))

    def write_results(self, records: Iterable[Record]) -> None:
        """Makes `results.jsonl` of all records; rows are named as they stand below `results_dir`.

        Raises:
          LoggerError: the file cannot be written.
        """
        lines = []
        for entry, *_ in records:
            rows = os.path.relpath(entry.rows, self.results_dir) if entry.rows else ""
            lines.append(encode({**entry.as_json(), "rows": rows}) + b"\n")
        self._write(self.results_dir / RESULTS, b"".join(lines))

    def _give_way(self, path: Path, entry: SweepEntry, directory: str) -> None:
        """Deletes what is known of the same task and step, of the same training; `path` is where the new entry goes."""
        for other in self.results_dir.glob(f"step_{entry.step:08d}-*/*/{_RESULT}"):
            found = document_of(other) if other != path else None
            if found is None or found.get("task") != entry.task:
                continue
            if found.get("directory") == directory or found.get("checkpoint") == entry.checkpoint:
                with errors_of(_WRITER, other, "results_dir"):
                    other.unlink(missing_ok=True)

    def _folder(self, checkpoint: Checkpoint) -> Path:
        return self.results_dir / f"step_{checkpoint.step:08d}-{checkpoint.identity[:_SHOWN]}"

    def _write(self, path: Path, content: bytes) -> None:
        with errors_of(_WRITER, path, "results_dir"), self._local.replacing(str(path)) as file:
            file.write(content)


def _entry_name(task: str, key: str) -> str:
    return f"{safe_file_name(task)}-{key[:_SHOWN]}"


def _owner(checkpoint: Checkpoint, key: str) -> str:
    return f"{checkpoint.identity[:_SHOWN]}-{key[:_SHOWN]}"
