"""Metrics in the log of the process, one line each."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from typing import Any, final

import numpy as np
from absl import logging

from evalkit.loggers.logger import Logger, step_number
from evalkit.metrics.values import MetricValue, Scalar, Text

MAX_TEXT = 200
"""Characters of a text that a log line shows."""


@final
class PyLoggingLogger(Logger):
    """Writes `<task>/<metric> at step <step>: <value>` with absl's logging; it writes no file."""

    def __init__(self, output_dir: str | os.PathLike[str], level: int = logging.INFO) -> None:
        """Takes the directory because every logger does, and absl's verbosity level of the lines."""
        super().__init__(output_dir)
        self._level = level

    def __call__(
        self,
        task_name: str,
        step: int | None,
        metrics: Mapping[str, MetricValue],
        dataset: Any,
        inferences: Mapping[str, Any] | None,
        targets: Sequence[Any] | None,
    ) -> None:
        """See `Logger`."""
        number = step_number(step)
        for name, value in metrics.items():
            logging.log(self._level, "%s/%s at step %d: %s", task_name, name, number, in_words(value))


def in_words(value: MetricValue) -> str:
    r"""A metric value in one line.

    >>> in_words(Scalar(1 / 3)), in_words(Text("two\nlines")), in_words(Text("x" * 1000))[-20:]
    ('0.333333', 'two\\nlines', '… (1,000 characters)')
    """
    if isinstance(value, Scalar):
        return _number_in_words(value.value)
    if isinstance(value, Text):
        text = value.textdata if isinstance(value.textdata, str) else value.textdata.decode("utf-8", "replace")
        line = text[:MAX_TEXT].replace("\n", "\\n").replace("\r", "\\r")
        return line if len(text) <= MAX_TEXT else f"{line}… ({len(text):,} characters)"
    return f"a value of type {type(value).__name__}, which a line of text cannot show"


def _number_in_words(number: Any) -> str:
    try:
        return f"{float(np.asarray(number).item()):.6g}"
    except (TypeError, ValueError):  # several elements, or not a number
        return repr(number)[:MAX_TEXT]
