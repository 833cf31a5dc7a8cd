"""Metrics and model outputs as lines of JSON, in the files that seqio's users read.

`<task>-metrics.jsonl` has one line a step: `{"step": 100, "accuracy": 0.5}`. `<task>-<step>.jsonl` (the step in six
digits) has one line an example: `{"input": {...}, "target": ..., "output": ..., "prediction": ..., "score": ...,
"aux_<name>": ...}`. Both are strict JSON (see `json_encoding`) and whole at any moment (see `files`).
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Mapping, Sequence
from typing import Any, final

import numpy as np
import orjson
from absl import logging

from evalkit.errors import ArgumentError
from evalkit.loggers.directories import errors_of, files_of, path_below
from evalkit.loggers.json_encoding import NOT_SERIALIZABLE, TensorAndNumpyEncoder, encoder
from evalkit.loggers.json_inputs import json_inputs, numpy_inputs
from evalkit.loggers.json_rows import RowEncoder, Values, result_fields
from evalkit.loggers.logger import Logger, safe_file_name, step_number
from evalkit.metrics.values import Generic, MetricValue, Scalar, Text


@final
class JSONLogger(Logger):
    """Writes metrics and model outputs to JSONL files."""

    def __init__(
        self,
        output_dir: str | os.PathLike[str],
        write_n_results: int | None = None,
        json_encoder_cls: type[json.JSONEncoder] = TensorAndNumpyEncoder,
    ) -> None:
        """Makes the directory.

        Args:
          output_dir: where the files go; a local directory, or a URL that TensorFlow can write (`gs://…`).
          write_n_results: how many examples a per-step file has; None writes all, 0 writes no such file.
          json_encoder_cls: the standard library's kind of encoder, for values of your own types. It is given the arrays
            themselves. One other than the default is several times slower: orjson cannot be used.

        Raises:
          ArgumentError: `write_n_results` is negative.
          LoggerError: the directory cannot be made or written.
        """
        if write_n_results is not None and write_n_results < 0:
            raise ArgumentError(f"write_n_results must be None or at least 0, found {write_n_results}.")
        super().__init__(output_dir)
        self._write_n_results = write_n_results
        self._encode = encoder(json_encoder_cls)
        self._read_inputs = json_inputs if json_encoder_cls is TensorAndNumpyEncoder else numpy_inputs
        self._files = files_of(output_dir)
        with errors_of("JSONLogger", output_dir):
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
        """See `Logger`. Writes the metrics first; without dataset, inferences or targets, only them."""
        number = step_number(step)
        base = path_below(self.output_dir, safe_file_name(task_name))
        if metrics:
            self._append_metrics(f"{base}-metrics.jsonl", number, metrics)
        if self._write_n_results == 0:
            return
        given = {"dataset": dataset is not None, "inferences": bool(inferences), "targets": _has_rows(targets)}
        if not all(given.values()) or inferences is None or targets is None:
            missing = ", ".join(name for name, is_given in given.items() if not is_given)
            logging.info("No inferences of task %s are written: no %s.", task_name, missing)
            return
        self._write_rows(f"{base}-{number:06}.jsonl", dataset, inferences, targets)

    def _append_metrics(self, path: str, step: int, metrics: Mapping[str, MetricValue]) -> None:
        line: dict[str, Any] = {"step": step}
        for name, metric in metrics.items():
            try:
                if name == "step":
                    raise TypeError("a line has the step under this name")
                line[name] = orjson.Fragment(self._encode(_json_metric(metric)))
            except NOT_SERIALIZABLE as error:
                kind = type(metric).__name__
                logging.warning("Metric `%s` of type %s is left out of %s: %s.", name, kind, path, error)
        with errors_of("JSONLogger", path):
            self._files.append_line(path, orjson.dumps(line, option=orjson.OPT_APPEND_NEWLINE))
        logging.info("Appended the metrics of step %d to %s.", step, path)

    def _write_rows(self, path: str, dataset: Any, inferences: Mapping[str, Any], targets: Sequence[Any]) -> None:
        begin = time.perf_counter()
        rows = RowEncoder(self._encode)
        fields = result_fields(inferences, targets)
        with errors_of("JSONLogger", path), self._files.replacing(path) as file:
            for lines in rows.chunks(self._read_inputs(dataset, self._write_n_results), fields):
                file.write(lines)
        seconds = time.perf_counter() - begin
        rows.warn(path)
        if self._write_n_results is None:
            _warn_of_lengths(path, rows.num_rows, fields)
        logging.info(
            "Wrote %d rows to %s in %.2f s (%.0f rows/s).", rows.num_rows, path, seconds, rows.num_rows / seconds
        )


def _warn_of_lengths(path: str, num_rows: int, fields: Mapping[str, Values]) -> None:
    for name, values in fields.items():
        if len(values) != num_rows:
            logging.warning(
                "%s has %d rows, one an example, but there are %d of `%s`.", path, num_rows, len(values), name
            )


def _has_rows(targets: Sequence[Any] | None) -> bool:
    return targets is not None and len(targets) > 0


def _json_metric(metric: MetricValue) -> Any:
    """What a line of metrics says for the metric.

    Raises:
      TypeError: a line cannot show values of this kind.
    """
    if isinstance(metric, Scalar):
        return metric.value
    if isinstance(metric, Text):
        return metric.textdata
    if isinstance(metric, Generic):
        return np.asarray(metric.tensor).tolist()  # all of it: a metric is not summarised
    raise TypeError("values of this kind have no place in a line of JSON")
