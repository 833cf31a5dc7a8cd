"""The logger interface: one call per task and step, with everything that was computed.

An Evaluator constructs each logger class with its `log_dir`, calls the logger once per task of a step, and closes it
when it is closed itself. A logger of your own is a class with one method:

    >>> from evalkit.metrics.values import Scalar
    >>> class LastScore(Logger):
    ...     def __init__(self, output_dir):
    ...         super().__init__(output_dir)
    ...         self.scores = {}
    ...
    ...     def __call__(self, task_name, step, metrics, dataset, inferences, targets):
    ...         self.scores[task_name] = {
    ...             name: metric.value for name, metric in metrics.items() if isinstance(metric, Scalar)
    ...         }
    >>> logger = LastScore("/tmp/unused")
    >>> logger("gsm8k", 100, {"accuracy": Scalar(0.5)}, dataset=None, inferences=None, targets=None)
    >>> logger.scores
    {'gsm8k': {'accuracy': 0.5}}

It is handed over as `Evaluator(..., logger_cls=[LastScore], log_dir=...)`. A logger is called by one thread at a time,
not always the same one. What it raises is reported by the Evaluator, and stops neither the other loggers nor later
steps.
"""

from __future__ import annotations

import abc
import operator
import os
import re
from collections.abc import Mapping, Sequence
from typing import Any

from absl import logging

from evalkit.errors import ArgumentError
from evalkit.metrics.values import MetricValue

NO_STEP = -1
"""Stands for a step that was not given (seqio's convention)."""

_NOT_IN_FILE_NAMES = re.compile(r"[^\w.:#+=@, -]")


class Logger(abc.ABC):
    """Base of all loggers.

    Attributes:
      output_dir: the directory below which everything is written, as it was passed.
    """

    def __init__(self, output_dir: str | os.PathLike[str]) -> None:
        self.output_dir = output_dir

    @abc.abstractmethod
    def __call__(
        self,
        task_name: str,
        step: int | None,
        metrics: Mapping[str, MetricValue],
        dataset: Any,
        inferences: Mapping[str, Any] | None,
        targets: Sequence[Any] | None,
    ) -> None:
        """Logs one task at one step.

        Args:
          task_name: the task.
          step: the training step; None where there is none, which the loggers of this package write as -1.
          metrics: values by metric name.
          dataset: the task's examples, a `tf.data.Dataset` or any iterable of dictionaries; None where there are no
            inferences. `evalkit.columns.columns_of` gives its columns where it has some.
          inferences: by kind ("output", "prediction", "score"), one value for each example of `dataset`, in its order;
            "aux_value" is a dictionary of such sequences. None where they were not kept.
          targets: the postprocessed targets, one for each example.

        Raises:
          LoggerError: the results could not be written; what was written before is as it was.
        """

    def close(self) -> None:  # noqa: B027  # the one hook: most loggers have nothing to close
        """Lets go of open files. A call after `close` opens them again; closing twice does no harm."""


def step_number(step: int | None) -> int:
    """The step as an integer: -1 for None, with a warning; 0 stays 0.

    Raises:
      ArgumentError: the step is not an integer.
    """
    if step is None:
        logging.warning("No step was given to the logger: %d is written instead.", NO_STEP)
        return NO_STEP
    try:
        return operator.index(step)
    except TypeError as error:
        raise ArgumentError(f"A step must be an integer or None, found {step!r} ({type(step).__name__}).") from error


def safe_file_name(name: str) -> str:
    """The name as part of a file name, different for different names; those a Task may have stay as they are.

    >>> safe_file_name("glue:cola.v2"), safe_file_name("a/b"), safe_file_name("..")
    ('glue:cola.v2', 'a%2Fb', '%2E%2E')
    """
    if set(name) <= {"."}:
        return "%2E" * len(name)
    return _NOT_IN_FILE_NAMES.sub(
        lambda match: "".join(f"%{byte:02X}" for byte in match[0].encode("utf-8", "surrogatepass")), name
    )
