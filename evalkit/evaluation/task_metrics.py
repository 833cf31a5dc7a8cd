"""The metrics of one task: from ordered model outputs to values, each metric on its own.

Decoding is done once per output type and postprocessing once per (output type, postprocess function); targets are
postprocessed once, when this is constructed, so that a postprocess function that cannot take its own targets is known
before the first model call. A metric that fails leaves the others be.
"""

from __future__ import annotations

import dataclasses
import math
import numbers
from collections.abc import Callable, Mapping, Sequence
from typing import Any, final

import numpy as np

from evalkit.columns import Array, Columns
from evalkit.data.task import Task
from evalkit.errors import EvalkitError, MetricError, ModelOutputError
from evalkit.evaluation.guarded_values import GuardedValues
from evalkit.evaluation.inferences import Postprocess, decode_outputs, postprocessed, target_texts
from evalkit.evaluation.model_outputs import ModelOutputs
from evalkit.evaluation.user_code import calling, guarding
from evalkit.evaluation.verdicts import Endings, counts_of_metric
from evalkit.metrics.collecting import values_of
from evalkit.metrics.counts import EvalCounts
from evalkit.metrics.function import MetricFunction
from evalkit.metrics.legacy import metric_function_of
from evalkit.metrics.metric import ModelOutputType
from evalkit.metrics.values import MetricValue

Outputs = Mapping[ModelOutputType, ModelOutputs]


@final
@dataclasses.dataclass
class TaskResult:
    """What judging a task gave.

    Attributes:
      metrics: values as the metric functions returned them, by name.
      inferences: what loggers show: "output" (decoded), "prediction" (postprocessed), "score", "aux_value" (by name).
      targets: the postprocessed targets; None if no metric function of the task ran.
      failures: of metrics that did not give a value.
      counts: how many examples are right, wrong or something else (see `evalkit.evaluation.verdicts`).
    """

    metrics: dict[str, Any] = dataclasses.field(default_factory=dict)
    inferences: dict[str, Any] = dataclasses.field(default_factory=dict)
    targets: list[Any] | None = None
    failures: list[EvalkitError] = dataclasses.field(default_factory=list)
    counts: EvalCounts | None = None


@final
class TaskMetrics:
    """Judges the outputs for one task, step after step."""

    def __init__(self, task: Task, columns: Columns, target_field_name: str, cut: Array | None = None) -> None:
        """Postprocesses the targets.

        Args:
          task: has metrics.
          columns: the task's examples.
          target_field_name: the feature that the outputs are compared with.
          cut: bool `[n]`, of which examples the model does not see all; None: it sees all of all.

        Raises:
          PostprocessError: a postprocess function raised on a target.
          ArgumentError: the examples have no such feature.
        """
        self._task = task
        self._columns = columns
        self._field = target_field_name
        self._cut = np.zeros(columns.num_examples, bool) if cut is None else cut
        self._targets: dict[Postprocess | None, GuardedValues] = {}
        functions = [function for metric in task.metric_objs if (function := metric_function_of(metric))]
        if functions:
            texts = target_texts(task.name, columns, target_field_name, self._vocabulary)
            for postprocess_fn in dict.fromkeys(function.postprocess_fn for function in functions):
                values = postprocessed(task.name, postprocess_fn, texts, columns.examples, is_target=True)
                self._targets[postprocess_fn] = GuardedValues(values)

    @property
    def _vocabulary(self) -> Any:
        return self._task.output_features[self._field].vocabulary

    @property
    def num_examples(self) -> int:
        """How many outputs a model function must give."""
        return self._columns.num_examples

    @property
    def output_types(self) -> list[ModelOutputType]:
        """What the metrics need of the model, in the order of the metrics, each once."""
        return list(dict.fromkeys(metric.model_output_type for metric in self._task.metric_objs))

    def judge(self, outputs: Outputs) -> TaskResult:
        """Computes every metric of the task; failures are in the result, never raised."""
        result = TaskResult()
        predictions = _Predictions(self._task, self._columns, self._vocabulary, outputs, self._cut)
        for metric in self._task.metric_objs:
            what = f"Task {self._task.name!r}: metric {metric_name(metric)!r}"
            try:
                with guarding(MetricError, lambda what=what: what):  # type: ignore[misc]
                    values = self._values(metric, outputs, predictions, result, what)
                    for name, value in values.items():
                        _add_value(self._task.name, metric_name(metric), name, value, result)
            except EvalkitError as failure:
                result.failures.append(failure)
        if result.counts is None:
            result.counts = (
                EvalCounts(self.num_examples, unjudged=self.num_examples) if result.metrics else self.all_failed()
            )
        return result

    def all_failed(self) -> EvalCounts:
        """The counts where nothing could be judged."""
        return EvalCounts(self.num_examples, failed=self.num_examples)

    def _values(
        self, metric: Any, outputs: Outputs, predictions: _Predictions, result: TaskResult, what: str
    ) -> Mapping[str, Any]:
        function = metric_function_of(metric)
        if function is not None:
            return self._function_values(function, outputs, predictions, result, what)
        examples, features = self._columns.examples, self._task.output_features
        with calling(MetricError, lambda: what):
            told = outputs[metric.model_output_type]
            alone = metric.model_output_type is ModelOutputType.PREDICTION  # which is all that such a metric takes
            model_output = _array(told.outputs) if alone else _as_arrays(told)
            instance = metric.from_model_output(examples, model_output, features, self._field)
            values, shown = values_of(instance, examples, features, self._field)
        result.targets = shown.get("targets", result.targets)
        result.inferences.update({name: value for name, value in shown.items() if name != "targets"})
        return _checked(values, what)

    def _function_values(
        self, metric: MetricFunction, outputs: Outputs, predictions: _Predictions, result: TaskResult, what: str
    ) -> Mapping[str, Any]:
        targets, kind = self._targets[metric.postprocess_fn], metric.model_output_type
        guarded = {"targets": targets}
        arguments: dict[str, Any] = {}
        if kind in (ModelOutputType.SCORE, ModelOutputType.SCORE_WITH_INTERMEDIATES):
            arguments["scores"] = _as_arrays(outputs[kind])
            result.inferences["score"] = _array(outputs[kind].outputs)
            _check_scores(result.inferences["score"], what)
        else:
            result.inferences["output"], guarded["predictions"] = predictions.get(metric)
        if kind == ModelOutputType.PREDICTION_WITH_AUX:
            arguments["aux_values"] = result.inferences["aux_value"] = _auxiliary(outputs[kind])
        lent = {name: values.lend() for name, values in guarded.items()}
        try:
            with calling(MetricError, lambda: what):
                values = metric.fn(**lent, **arguments)
        finally:  # a metric that raises may have changed them too
            changes = {name: guarded[name].first_change(given) for name, given in lent.items()}
            result.targets = targets.lend()
            if "predictions" in guarded:
                result.inferences["prediction"] = guarded["predictions"].lend()
        for name, first in changes.items():
            if first is not None:
                raise MetricError(f"{what}: `{name}` was changed by it, first at example {first}. Work on a copy.")
        checked = _checked(values, what)
        if result.counts is None:
            result.counts = counts_of_metric(metric.fn, {**lent, **arguments}, checked, predictions.endings)
        return checked


@final
class _Predictions:
    """Decoded and postprocessed outputs of one step, each made when the first metric asks; and how they ended."""

    def __init__(self, task: Task, columns: Columns, vocabulary: Any, outputs: Outputs, cut: Array) -> None:
        self.endings = Endings.of(cut, _told_of_answers(outputs))
        self._task = task
        self._columns = columns
        self._vocabulary = vocabulary
        self._outputs = outputs
        self._decoded: dict[ModelOutputType, list[Any]] = {}
        self._judged: dict[tuple[ModelOutputType, Callable[..., Any] | None], GuardedValues] = {}

    def get(self, metric: MetricFunction) -> tuple[list[Any], GuardedValues]:
        """Decoded, and decoded and postprocessed, for `metric`."""
        kind, function = metric.model_output_type, metric.postprocess_fn
        if kind not in self._decoded:
            with guarding(ModelOutputError, lambda: f"Task {self._task.name!r}: decoding the outputs"):
                self._decoded[kind] = decode_outputs(self._task.name, self._vocabulary, self._outputs[kind].outputs)
        decoded = self._decoded[kind]
        if (kind, function) not in self._judged:
            examples = self._columns.examples
            values = postprocessed(self._task.name, function, decoded, examples, is_target=False)
            self._judged[kind, function] = GuardedValues(values)
        return decoded, self._judged[kind, function]


def _told_of_answers(outputs: Outputs) -> Mapping[str, Any]:
    """The auxiliary values of the first predictions that have any, by name."""
    for kind in (ModelOutputType.PREDICTION_WITH_AUX, ModelOutputType.PREDICTION):
        if kind in outputs and isinstance(outputs[kind].auxiliary, Mapping):
            found: Mapping[str, Any] = outputs[kind].auxiliary
            return found
    return {}


def metric_name(metric: Any) -> str:
    """What messages call a metric: its name, or its class."""
    return str(getattr(metric, "name", None) or getattr(metric, "__name__", type(metric).__name__))


def _as_arrays(outputs: ModelOutputs) -> Any:
    main = _array(outputs.outputs)
    return main if outputs.auxiliary is None else (main, _auxiliary(outputs))


def _auxiliary(outputs: ModelOutputs) -> Any:
    def convert(values: Any) -> Any:
        if isinstance(values, Mapping):
            return {name: convert(part) for name, part in values.items()}
        return tuple(map(convert, values)) if isinstance(values, tuple) else _array(values)

    return convert(outputs.auxiliary or {})


def _array(values: Sequence[Any]) -> Any:
    """An array where the values are rectangular, as metric functions written for seqio get it, else the list itself."""
    if any(isinstance(value, (str, bytes)) for value in values[:1]):
        return np.array(values, object)  # a fixed-width array would give every string the room of the longest
    try:
        return np.array(values)
    except ValueError:  # ragged
        return list(values)


def _check_scores(scores: Any, what: str) -> None:
    """Looks for NaN and infinities, in one array or in whatever there is per example."""
    if isinstance(scores, np.ndarray) and scores.dtype.kind in "iub":
        return
    bad = next((position for position, row in enumerate(scores) if not _is_finite(row)), None)
    if bad is not None:
        raise MetricError(
            f"{what}: the score of example {bad} is {scores[bad]}; expected finite numbers. "
            "Look at the model's outputs for this example; mask scores that do not count."
        )


def _is_finite(scores: Any) -> bool:
    if isinstance(scores, float):
        return math.isfinite(scores)
    if isinstance(scores, (list, tuple)):
        return all(map(_is_finite, scores))
    values = np.asarray(scores)
    if values.dtype.kind == "V" and values.dtype.names is None:  # bfloat16 and its like, from ml_dtypes
        values = values.astype(np.float32)
    return values.dtype.kind not in "fc" or bool(np.isfinite(values).all())


def _checked(values: Any, what: str) -> Mapping[str, Any]:
    if not isinstance(values, Mapping):
        raise MetricError(f"{what} returned {type(values).__name__}; expected a mapping from names to values.")
    return values


def _add_value(task: str, metric: str, name: str, value: Any, result: TaskResult) -> None:
    if name in result.metrics:
        result.failures.append(
            MetricError(
                f"Task {task!r}: metric {metric!r} returned a value named {name!r}, as one before it did; the first is "
                "kept. Duplicate metric key: rename one."
            )
        )
    elif isinstance(value, (MetricValue, numbers.Number, np.generic)) or getattr(value, "ndim", None) == 0:
        result.metrics[name] = value
    else:
        result.failures.append(
            MetricError(
                f"Task {task!r}: metric {metric!r} returned {type(value).__name__} as {name!r}; "
                "expected a number or a MetricValue (Scalar, Text, Image, Audio, Histogram, Generic)."
            )
        )
