"""The Evaluator: prepares every task once, asks the model, puts outputs in order, judges and logs them.

    source ─▶ preprocessors ─▶ task features ─▶ converter ─▶ model features          once, when constructed
    model function ─▶ ordered outputs ─▶ decoded ─▶ postprocessed ─▶ metrics ─▶ loggers      every `evaluate`

The constructor's and `evaluate`'s arguments are those of `seqio.Evaluator`; `cache_dir` is evalkit's.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Collection, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Self, final

from absl import logging

from evalkit.converter import FeatureConverter
from evalkit.data.mixture import Mixture
from evalkit.data.registry import get_subtasks, maybe_get_mixture_or_task
from evalkit.data.task import Task
from evalkit.errors import ArgumentError, EvaluationError
from evalkit.evaluation.metric_worker import MetricsFuture, MetricWorker
from evalkit.evaluation.model_outputs import ModelOutputs, ordered_outputs
from evalkit.evaluation.preflight import check_arguments, check_model_fns, get_valid_eval_tasks, make_loggers
from evalkit.evaluation.prepared_task import (
    ExampleRequest,
    StoreLocation,
    prepare_model_examples,
    prepare_task_examples,
)
from evalkit.evaluation.task_metrics import TaskMetrics
from evalkit.evaluation.truncation import Truncation, longest
from evalkit.metrics.metric import ModelOutputType

ModelFn = Callable[[Any], Any]
AllOutputs = dict[str, dict[ModelOutputType, Any]]


@final
class Evaluator:
    """Evaluates the tasks of a mixture with a model function, as often as asked, on examples that are prepared once.

    A model function takes a `tf.data.Dataset` of `(int64 index, {feature: tensor})`, unbatched and of known length, and
    returns pairs `(index, output)` in any order, or `(pairs, {name: values})`. As a context manager the Evaluator
    waits for its metrics on leaving.

    Attributes:
      eval_tasks: the tasks that have the split and metrics.
      cached_task_datasets: by task name, the examples as the task gives them.
      cached_model_datasets: by task name, `(index, model features)`.
      model_feature_shapes: shape of each model feature of rank > 0.
      sequence_length: the length of each task feature that the converter was given.
      truncation: by task name and feature, what a given `sequence_length` cut.
      loggers: the constructed loggers.
    """

    def __init__(
        self,
        mixture_or_task_name: str | Task | Mixture,
        feature_converter: FeatureConverter,
        eval_split: str = "validation",
        use_cached: bool = False,
        seed: int | None = 42,
        sequence_length: Mapping[str, Any] | None = None,
        num_examples: int | None = None,
        shuffle: bool = False,
        logger_cls: Sequence[Callable[..., Any]] = (),
        log_dir: str | None = None,
        use_memory_cache: bool = True,
        async_compute_metrics: bool = True,
        target_field_name: str = "targets",
        *,
        cache_dir: str | None = None,
    ) -> None:
        """Prepares all tasks: reads, tokenises, converts and keeps their examples, and postprocesses their targets.

        Args:
          mixture_or_task_name: a registered name, or a Task or Mixture itself.
          feature_converter: task features to model features; must not pack.
          eval_split: which split; tasks that lack it are skipped with a log line.
          use_cached: read the tasks' offline caches.
          seed: of shuffling and of preprocessors that draw random numbers.
          sequence_length: the most elements of each task feature, the rest is cut and reported; without it, or for a
            feature that it leaves out, the longest example counts.
          num_examples: evaluate only the first so many examples of each task.
          shuffle: before `num_examples` are taken; once, so that every `evaluate` sees the same examples.
          logger_cls: called with `output_dir=log_dir`; each gets every task's results.
          log_dir: where loggers write; needed if there are any.
          use_memory_cache: keep prepared examples in memory; False keeps them on disk, memory-mapped.
          async_compute_metrics: judge and log on a thread of its own; False does it inside `evaluate`.
          target_field_name: the feature that holds the targets.
          cache_dir: with `use_memory_cache=False`, where prepared examples are kept for later Evaluators, keyed by what
            they depend on: source files, rows, code, vocabularies, arguments. A function source is keyed by its code,
            not by files that the code reads: delete the folder when these change. None keeps the examples in a
            temporary folder until this Evaluator is gone.

        Raises:
          UnknownNameError: nothing is registered under the name.
          ArgumentError: arguments that contradict each other or a task (before any example is read), or tasks whose
            examples have different features.
          LoggerError: nothing can be written to `log_dir`; before any example is read.
          SourceError: a source cannot be read, or a split is empty.
          PreprocessorError: a preprocessor raised.
          FeatureError: a task or the converter gives other features, or other examples, than it should.
          PostprocessError: a postprocess function raised on a target.
          CacheError: the store in `cache_dir` is damaged or cannot be written, or cannot be keyed (FingerprintError).
        """
        tasks = get_subtasks(maybe_get_mixture_or_task(mixture_or_task_name))
        self._tasks = get_valid_eval_tasks(tasks, eval_split)
        check_arguments(
            self._tasks, feature_converter, sequence_length, num_examples, logger_cls, log_dir, target_field_name
        )
        self._loggers = make_loggers(logger_cls, log_dir)
        if self._tasks and not self._loggers:
            logging.info("The Evaluator has no loggers: results are in the future that `evaluate` returns, only.")
        store = None if use_memory_cache else self._store_location(cache_dir)
        request = ExampleRequest(eval_split, sequence_length, num_examples, shuffle, seed, use_cached)
        self._examples = {task.name: prepare_task_examples(task, request, store) for task in self._tasks}
        self.sequence_length = self._lengths(feature_converter, sequence_length)
        self._model_examples = {
            task.name: prepare_model_examples(
                task, self._examples[task.name], feature_converter, self.sequence_length, request, store
            )
            for task in self._tasks
        }
        self._metrics = {
            task.name: TaskMetrics(task, examples.columns, target_field_name, examples.cut)
            for task in self._tasks
            for examples in [self._examples[task.name]]
        }
        self._worker = MetricWorker(self._loggers, async_compute_metrics)

    def _store_location(self, cache_dir: str | None) -> StoreLocation:
        if cache_dir is not None:
            return StoreLocation(Path(cache_dir), lasting=True)
        self._temporary = tempfile.TemporaryDirectory(prefix="evalkit-")  # removed when this Evaluator is gone
        return StoreLocation(Path(self._temporary.name), lasting=False)

    def _lengths(self, converter: FeatureConverter, given: Mapping[str, Any] | None) -> dict[str, Any]:
        if not self._tasks:
            return {}
        dims = {name: spec.sequence_dim for name, spec in getattr(converter, "TASK_FEATURES", {}).items()}
        columns = {name: examples.columns for name, examples in self._examples.items()}
        features = {name: feature for task in self._tasks for name, feature in task.output_features.items()}
        wanted = [
            name for name in features if features[name].required or any(name in part for part in columns.values())
        ]
        found = longest(columns, wanted, dims)
        lengths = {name: (given or {}).get(name, length) for name, length in found.items()}
        for name, length in lengths.items():
            if isinstance(length, int) and length > found[name]:
                logging.warning(
                    "sequence_length of feature %r is %d, its longest example has %d: the rest is padding, "
                    "which the model computes for nothing. None takes the longest.",
                    *(name, length, found[name]),
                )
        logging.info("Sequence lengths: %s", lengths)
        return lengths

    @property
    def eval_tasks(self) -> Sequence[Task]:
        """See the class."""
        return self._tasks

    @property
    def cached_task_datasets(self) -> Mapping[str, Any]:
        """See the class."""
        return {name: examples.dataset for name, examples in self._examples.items()}

    @property
    def cached_model_datasets(self) -> Mapping[str, Any]:
        """See the class."""
        return {name: examples.enumerated_dataset for name, examples in self._model_examples.items()}

    @property
    def model_feature_shapes(self) -> Mapping[str, tuple[int, ...]]:
        """See the class."""
        specs = [examples.element_spec for examples in self._model_examples.values()]
        return {name: tuple(spec.shape) for name, spec in specs[-1].items() if spec.shape.rank} if specs else {}

    @property
    def truncation(self) -> Mapping[str, Mapping[str, Truncation]]:
        """See the class."""
        return {name: examples.truncation for name, examples in self._examples.items()}

    @property
    def loggers(self) -> tuple[Any, ...]:
        """See the class."""
        return self._loggers

    def evaluate(
        self,
        *,
        compute_metrics: bool = True,
        step: int | None = None,
        predict_fn: ModelFn | None = None,
        score_fn: ModelFn | None = None,
        predict_with_aux_fn: ModelFn | None = None,
        model_fns: Mapping[ModelOutputType, ModelFn] | None = None,
        tasks: Collection[str] | None = None,
    ) -> tuple[MetricsFuture, AllOutputs]:
        """Asks the model for all that the tasks' metrics need, and has it judged and logged.

        A model function is called once per task that has a metric of its output type. Metrics of a task are computed
        while the model works on the next, unless `async_compute_metrics` is False.

        Args:
          compute_metrics: False only runs the model (all hosts but one).
          step: of training; loggers show -1 for None.
          predict_fn: gives token ids (or text) per example.
          score_fn: gives log-likelihoods of the targets, and optionally intermediate values.
          predict_with_aux_fn: gives token ids, and auxiliary values by name.
          model_fns: the same by output type, for types without an argument.
          tasks: names of those of `eval_tasks` that are evaluated; None is all. A step may be evaluated task by task.

        Returns:
          A future of `{task: {metric: value}}` (of None if not `compute_metrics`), and the ordered outputs,
          `{task: {output type: outputs, or (outputs, auxiliary values)}}`. The future raises `EvaluationError` if a
          metric, a postprocess function or a logger failed; its `metrics` has what did not.

        Raises:
          ArgumentError: a metric has no model function, `tasks` has another name, or the Evaluator is closed; before
            any model call.
          ModelOutputError: a model function returned anything but each index once.
        """
        given = {
            ModelOutputType.PREDICTION: predict_fn,
            ModelOutputType.SCORE: score_fn,
            ModelOutputType.PREDICTION_WITH_AUX: predict_with_aux_fn,
        }
        functions = {kind: function for kind, function in (model_fns or {}).items() if function is not None}
        functions.update((kind, function) for kind, function in given.items() if function is not None)
        chosen = self._tasks if tasks is None else self._named(tasks)
        check_model_fns(chosen, functions)
        record = self._worker.begin(step)
        all_outputs: AllOutputs = {}
        try:
            for task in chosen:
                outputs = self._model_outputs(task, functions)
                all_outputs[task.name] = {kind: output.raw for kind, output in outputs.items()}
                if compute_metrics:
                    self._worker.judge(
                        record, task.name, self._metrics[task.name], outputs, self._examples[task.name].dataset
                    )
        finally:  # what was judged before a model function failed is still awaited and reported
            future = self._worker.finish(record, compute_metrics)
        return future, all_outputs

    def _named(self, names: Collection[str]) -> list[Task]:
        found = [task for task in self._tasks if task.name in names]
        if unknown := set(names) - {task.name for task in found}:
            raise ArgumentError(f"`tasks` has {sorted(unknown)}; found are {[task.name for task in self._tasks]}.")
        return found

    def _model_outputs(
        self, task: Task, functions: Mapping[ModelOutputType, ModelFn]
    ) -> dict[ModelOutputType, ModelOutputs]:
        logging.info("Evaluating %s", task.name)
        metrics, dataset = self._metrics[task.name], self._model_examples[task.name].enumerated_dataset
        return {
            kind: ordered_outputs(task.name, metrics.num_examples, functions[kind](dataset))
            for kind in metrics.output_types
        }

    def abandon(self) -> None:
        """Evaluates no more, and lets the process end without waiting for metrics that are being computed."""
        self._worker.abandon()

    def close(self) -> None:
        """Waits for all metrics, and closes the loggers. Closing again does nothing.

        Raises:
          EvaluationError: everything that failed in any step, whether or not its future was looked at.
        """
        self._worker.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        try:
            self.close()
        except EvaluationError as failures:
            if error is None:
                raise
            error.add_note(f"While leaving the Evaluator: {failures}")
