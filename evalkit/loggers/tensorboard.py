"""Metrics as TensorBoard shows them: each task a run, each metric a tag `eval/<metric>`."""

from __future__ import annotations

import os
import time
from collections.abc import Mapping, Sequence
from typing import Any, final

from absl import logging
from tensorboard.compat.proto.event_pb2 import Event

from evalkit.errors import LoggerError
from evalkit.loggers.directories import errors_of, files_of, path_below
from evalkit.loggers.event_files import EventFile, EventObjects, EventWriter
from evalkit.loggers.files import LocalFiles
from evalkit.loggers.logger import Logger, safe_file_name, step_number
from evalkit.loggers.summaries import summary_parts
from evalkit.metrics.values import MetricValue


@final
class TensorBoardLogger(Logger):
    """Writes metrics to event files in `<output_dir>/<task>`.

    What a call writes is with the operating system when the call returns. One file per task stays open until `close`;
    a call after that begins another one beside it. Scalars that are NaN or infinite are written as such.
    """

    def __init__(self, output_dir: str | os.PathLike[str]) -> None:
        """Makes the directory.

        Args:
          output_dir: a local directory, or a URL that TensorFlow can write (`gs://…`), where each call makes a file.

        Raises:
          LoggerError: the directory cannot be made or written.
        """
        super().__init__(output_dir)
        self._files = files_of(output_dir)
        self._writers: dict[str, EventWriter] = {}
        with errors_of("TensorBoardLogger", output_dir):
            self._files.make_directory(os.fspath(output_dir))

    def __call__(
        self,
        task_name: str,
        step: int | None,
        metrics: Mapping[str, MetricValue],
        dataset: Any,
        inferences: Mapping[str, Any] | None,
        targets: Sequence[Any] | None,
    ) -> None:
        """See `Logger`; of a call with a metric that cannot be shown, the others are written."""
        number = step_number(step)
        wall_time = time.time()
        events, refused = [], []
        for name, value in metrics.items():
            try:
                events.append(serialized_event(f"eval/{name}", value, number, wall_time))
            except (TypeError, ValueError) as error:
                refused.append((name, value, error))
        if events:
            directory = path_below(self.output_dir, _run_of(task_name))
            with errors_of("TensorBoardLogger", directory):
                self._writer(directory).write(events)
            logging.info("Wrote %d metrics of step %d to %s.", len(events), number, directory)
        if refused:
            _raise(task_name, refused)

    def close(self) -> None:
        """See `Logger`."""
        for writer in self._writers.values():
            writer.close()
        self._writers.clear()

    def _writer(self, directory: str) -> EventWriter:
        if directory not in self._writers:
            is_local = isinstance(self._files, LocalFiles)
            self._writers[directory] = EventFile(directory) if is_local else EventObjects(self._files, directory)
        return self._writers[directory]


def _run_of(task_name: str) -> str:
    """The task's folder; a slash in the name makes folders, as TensorBoard's own names of runs do."""
    return "/".join(safe_file_name(part) for part in task_name.split("/") if part)


def serialized_event(tag: str, value: MetricValue, step: int, wall_time: float) -> bytes:
    """The event that says: this value, at this step, under this tag.

    Raises:
      TypeError, ValueError: the value cannot be shown (see `summary_parts`).
    """
    tensor, metadata = summary_parts(value)
    event = Event(wall_time=wall_time, step=step)
    event.summary.value.add(tag=tag, tensor=tensor, metadata=metadata)
    serialized: bytes = event.SerializeToString()
    return serialized


def _raise(task_name: str, refused: Sequence[tuple[str, MetricValue, Exception]]) -> None:
    reasons = "; ".join(f"{name!r} ({type(value).__name__}): {error}" for name, value, error in refused)
    raise LoggerError(
        f"TensorBoardLogger cannot show {len(refused)} of the metrics of task {task_name!r}, and wrote the others. "
        f"{reasons}."
    ) from refused[0][2]
