"""The tasks of a sweep: their examples are prepared once, and serve every checkpoint."""

from __future__ import annotations

import hashlib
import json
import os
import traceback
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple, final

from absl import logging

from evalkit.columns import Columns, columns_of
from evalkit.data.content_hash import fingerprint
from evalkit.data.mixture import Mixture
from evalkit.data.registry import get_subtasks, maybe_get_mixture_or_task
from evalkit.data.task import Task
from evalkit.errors import ArgumentError, DuplicateNameError, EvaluationError, told
from evalkit.evaluation.evaluator import Evaluator
from evalkit.loggers.jsonl import JSONLogger
from evalkit.loggers.logger import Logger
from evalkit.metrics.counts import EvalCounts
from evalkit.metrics.metric import ModelOutputType
from evalkit.metrics.values import MetricValue
from evalkit.training.checkpoint_model import CheckpointModel

EVAL_SPLITS = ("validation", "test")
"""Where no split is named, the first of these that a task has."""


class Judged(NamedTuple):
    """What judging a task gave.

    Attributes:
      values: the metrics that did not fail, by name.
      counts: how many examples are right, wrong or something else.
      failures: a line for each failure.
      write_rows: writes the examples with what was said to them into a folder; None if nothing was judged.
    """

    values: Mapping[str, MetricValue]
    counts: EvalCounts
    failures: tuple[str, ...]
    write_rows: Callable[[str], None] | None


@final
class SweepTask:
    """One task of a sweep.

    Attributes:
      name: of the task.
      split: that is evaluated.
      num_examples: how many there are.
      kinds: of outputs that its metrics judge.
      outputs_key: of all that decides the outputs, but for the checkpoint.
      key: of all that decides the results, but for the checkpoint.
    """

    def __init__(
        self,
        task: Task,
        model: CheckpointModel,
        split: str | None,
        num_examples: int | None,
        seed: int | None,
        use_cached: bool,
        log_dir: str | os.PathLike[str],
    ) -> None:
        """Prepares the examples.

        Raises:
          ArgumentError: the task has no such split, or no metrics; and what an Evaluator raises.
          FingerprintError: what a metric or the model depends on cannot be told.
        """
        self.name = task.name
        self.split = eval_split(task, split)
        if not task.metric_objs:
            raise ArgumentError(f"Task {task.name!r} has no metrics, so there is nothing to evaluate.")
        self._latest = _Latest(log_dir)
        self._evaluator = Evaluator(
            task,
            model.feature_converter,
            eval_split=self.split,
            use_cached=use_cached,
            seed=seed,
            sequence_length=model.sequence_length,
            num_examples=num_examples,
            logger_cls=[lambda output_dir: self._latest],
            log_dir=os.fspath(log_dir),
            async_compute_metrics=False,
        )
        dataset = self._evaluator.cached_task_datasets[task.name]
        self.num_examples = len(dataset)
        self.kinds = _asked_for({metric.model_output_type for metric in task.metric_objs})
        lengths = json.dumps(self._evaluator.sequence_length, sort_keys=True)
        examples = _digest(columns_of(dataset) or Columns({}))
        self.outputs_key = fingerprint((task.name, self.split, examples, lengths, model.identity))
        self.key = fingerprint((self.outputs_key, task.metric_objs, task.output_features))

    def judge(self, step: int, model_fns: Mapping[ModelOutputType, Callable[[Any], Any]]) -> Judged:
        """Asks the model functions, and judges what they say.

        Failures are told in the result, those of the model functions too.

        Raises:
          CheckpointError, LoggerError: as the model functions raised it.
        """
        self._latest.arguments = {}
        future, _ = self._evaluator.evaluate(step=step, model_fns=model_fns)
        failures: tuple[str, ...] = ()
        try:
            future.result()
        except EvaluationError as error:
            failures = tuple(map(str, error.exceptions))
        counts = future.counts[self.name]
        values = self._latest.arguments.get("metrics", {})
        return Judged(values, counts, failures, self._latest.write_rows if values else None)

    def failed(self, step: int, error: Exception) -> Judged:
        """That nothing could be judged, since `error` was raised."""
        trace = "".join(traceback.format_exception(error))
        logging.error("Step %d, task %r: the model failed.\n%s", step, self.name, trace)
        line = told(error)
        return Judged({}, EvalCounts(self.num_examples, failed=self.num_examples), (line,), None)


def sweep_tasks(
    tasks: str | Task | Mixture | Sequence[str | Task | Mixture], make: Callable[[Task], SweepTask]
) -> list[SweepTask]:
    """Prepares tasks; of mixtures, their tasks.

    Raises:
      ArgumentError: there are none.
      DuplicateNameError: two have the same name.
      UnknownNameError: nothing is registered under a name.
    """
    given = [tasks] if isinstance(tasks, str | Task | Mixture) else list(tasks)
    found = [task for each in given for task in get_subtasks(maybe_get_mixture_or_task(each))]
    if not found:
        raise ArgumentError("There are no tasks to evaluate. Pass at least one.")
    names = [task.name for task in found]
    for name in names:
        if names.count(name) > 1:
            raise DuplicateNameError(f"Task {name!r} is there {names.count(name)} times; each result stands under one.")
    return [make(task) for task in found]


def eval_split(task: Task, wanted: str | None, argument: str = "as `split`") -> str:
    """The split that is evaluated: the one that is wanted, or else the first of `EVAL_SPLITS` that the task has.

    Args:
      task: the task.
      wanted: a split; None: whichever there is.
      argument: how another one is passed, for the message.

    Raises:
      ArgumentError: the task does not have it.
    """
    for split in [wanted] if wanted else EVAL_SPLITS:
        if split in task.splits:
            return split
    lacks = f"no split {wanted!r}" if wanted else f"neither of the splits {' and '.join(EVAL_SPLITS)}"
    raise ArgumentError(f"Task {task.name!r} has {lacks}, but {sorted(task.splits)}; say which {argument}.")


@final
class _Latest(Logger):
    """Keeps what the Evaluator logs last, until it is known where it goes."""

    def __init__(self, output_dir: str | os.PathLike[str]) -> None:
        super().__init__(output_dir)
        self.arguments: dict[str, Any] = {}

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
        told = {"task_name": task_name, "step": step, "dataset": dataset, "inferences": inferences, "targets": targets}
        self.arguments = {**told, "metrics": metrics}

    def write_rows(self, folder: str) -> None:
        """Writes the rows, and no metrics, as `JSONLogger` does."""
        JSONLogger(folder)(**{**self.arguments, "metrics": {}})


def _asked_for(kinds: set[ModelOutputType]) -> dict[ModelOutputType, ModelOutputType]:
    """By kind of output, the kind that the model is asked for: answers come once, with what belongs to them."""
    asked = {kind: kind for kind in sorted(kinds, key=lambda kind: kind.value)}
    if {ModelOutputType.PREDICTION, ModelOutputType.PREDICTION_WITH_AUX} <= kinds:
        asked[ModelOutputType.PREDICTION] = ModelOutputType.PREDICTION_WITH_AUX
    if {ModelOutputType.SCORE, ModelOutputType.SCORE_WITH_INTERMEDIATES} <= kinds:
        asked[ModelOutputType.SCORE] = ModelOutputType.SCORE_WITH_INTERMEDIATES
    return asked


def _digest(columns: Columns) -> str:
    """A hash of examples, as they are."""
    digest = hashlib.sha256()
    for name in sorted(columns):
        column = columns[name]
        parts = (column.values, column.splits, column.shapes, column.byte_splits)
        told = [None if part is None else (part.dtype.str, part.shape) for part in parts]
        digest.update(f"{name}:{column.shape}:{told}".encode())
        for part in parts:
            digest.update(b"" if part is None else part.tobytes())
    return digest.hexdigest()
