"""What can be asked of a task without reading anything: the parts that it was made of."""

from __future__ import annotations

import copy
import dataclasses
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Self

from evalkit import errors
from evalkit.data.definition import Preprocessor, TaskDefinition
from evalkit.data.feature import Feature
from evalkit.data.provider import DatasetProvider
from evalkit.data.signature import function_name, requires
from evalkit.data.source_info import SourceInfo
from evalkit.data.sources.source import DataSource
from evalkit.metrics import ModelOutputType

SHUFFLE_BUFFER_SIZE = 1000

MetricFn = Callable[..., Mapping[str, Any]]

_REPLACEABLE = (
    "name",
    "source",
    "output_features",
    "preprocessors",
    "postprocess_fn",
    "metric_fns",
    "metric_objs",
    "shuffle_buffer_size",
)


class TaskParts(DatasetProvider):
    """The constructor and the properties of `Task`, which is the only class to derive from it."""

    def __init__(
        self,
        name: str,
        source: DataSource,
        output_features: Mapping[str, Feature],
        preprocessors: Sequence[Preprocessor] | None = None,
        postprocess_fn: Callable[..., Any] | None = None,
        metric_fns: Sequence[MetricFn] | None = None,
        metric_objs: Sequence[Any] | None = None,
        shuffle_buffer_size: int | None = SHUFFLE_BUFFER_SIZE,
        source_info: SourceInfo | None = None,
    ) -> None:
        """Checks and keeps the definition; nothing is read.

        Args:
          name: letters, digits and `. : _ #`; unique in a registry.
          source: gives the raw examples.
          output_features: the features that examples have for the model when the preprocessors are done. Examples may
            have others, for metrics.
          preprocessors: functions from dataset to dataset, applied in order. One with parameters named
            `sequence_length` or `output_features` gets these as keywords. One of them may be a
            `CacheDatasetPlaceholder`.
          postprocess_fn: `postprocess_fn(decoded, example=…, is_target=…)` turns decoded model output into what the
            metric functions judge; None leaves it as it is.
          metric_fns: functions whose positional parameters are named `(targets, predictions)`, `(targets, scores)` or
            `(targets, predictions, aux_values)`, and which return `{name: value}`.
          metric_objs: mergeable metrics (`evalkit.metrics.Metric`).
          shuffle_buffer_size: how many examples `shuffle=True` mixes; None disallows shuffling.
          source_info: where the task is defined; `TaskRegistry.add` finds it.

        Raises:
          DefinitionError: the name, the signature of a metric function, the placeholder or the buffer size cannot work.
        """
        self._definition = TaskDefinition(
            name,
            source,
            output_features,
            preprocessors or (),
            postprocess_fn,
            metric_fns or (),
            metric_objs or (),
            shuffle_buffer_size,
            source_info,
        )

    def __str__(self) -> str:
        return f"{type(self).__name__}(name={self.name}, source={self.source})"

    @property
    def name(self) -> str:
        """The name."""
        return self._definition.name

    @property
    def source(self) -> DataSource:
        """Where the raw examples come from."""
        return self._definition.source

    @property
    def source_info(self) -> SourceInfo | None:
        """Where the task was defined, if that is known."""
        return self._definition.source_info

    @property
    def splits(self) -> Sequence[str]:
        """The names of the splits.

        Raises:
          DefinitionError: the source has none.
        """
        if not self.source.splits:
            raise errors.DefinitionError(f"Task {self.name!r} has no splits: its source {self.source} names none.")
        return self.source.splits

    @property
    def output_features(self) -> Mapping[str, Feature]:
        """The features that examples have for the model, sorted by name."""
        return self._definition.output_features

    @property
    def preprocessors(self) -> Sequence[Preprocessor]:
        """The preprocessors, in the order in which they run, with the cache placeholder if there is one."""
        return self._definition.preprocessors

    @property
    def preprocessors_requiring_sequence_length(self) -> list[str]:
        """Names of preprocessors that have a parameter `sequence_length` without default: lengths must be given."""
        return [function_name(step) for step in self.preprocessors if requires(step, "sequence_length")]

    @property
    def postprocessor(self) -> Callable[..., Any] | None:
        """The postprocess function itself, or None."""
        return self._definition.postprocess_fn

    def postprocess_fn(self, decoded_model_output: Any, **postprocess_kwargs: Any) -> Any:
        """Applies the postprocess function; without one, returns the output as it is."""
        if self.postprocessor is None:
            return decoded_model_output
        return self.postprocessor(decoded_model_output, **postprocess_kwargs)

    @property
    def metric_fns(self) -> list[MetricFn]:
        """All metric functions: those of predictions, then of scores, then of predictions with auxiliary values."""
        return [function.fn for function in self._definition.metric_functions]

    @property
    def predict_metric_fns(self) -> list[MetricFn]:
        """Metric functions of (targets, predictions)."""
        return self._metric_fns(ModelOutputType.PREDICTION)

    @property
    def score_metric_fns(self) -> list[MetricFn]:
        """Metric functions of (targets, scores)."""
        return self._metric_fns(ModelOutputType.SCORE)

    @property
    def predict_with_aux_metric_fns(self) -> list[MetricFn]:
        """Metric functions of (targets, predictions, aux_values)."""
        return self._metric_fns(ModelOutputType.PREDICTION_WITH_AUX)

    @property
    def metric_objs(self) -> list[Any]:
        """All metrics: the metric objects, then each metric function as a `MetricFunction`."""
        return [*self._definition.metric_objs, *self._definition.metric_functions]

    def _metric_fns(self, output_type: ModelOutputType) -> list[MetricFn]:
        return [f.fn for f in self._definition.metric_functions if f.model_output_type is output_type]

    @property
    def shuffle_buffer_size(self) -> int | None:
        """How many examples `shuffle=True` mixes; None: shuffling is disallowed."""
        return self._definition.shuffle_buffer_size

    def replace(self, **kwargs: Any) -> Self:
        """A task of the same class that differs in `kwargs` and in nothing else; it is not registered.

        Raises:
          ArgumentError: a keyword that is no part of a task.
          DefinitionError: the new definition cannot work.
        """
        unknown = sorted(set(kwargs) - set(_REPLACEABLE))
        if unknown:
            raise errors.ArgumentError(
                f"Task {self.name!r}: Expected keys of replace to be among {', '.join(_REPLACEABLE)}, found "
                f"{', '.join(unknown)}."
            )
        replaced = copy.copy(self)
        replaced._definition = dataclasses.replace(self._definition, **kwargs)
        return replaced

    def num_input_examples(self, split: str) -> int | None:
        """How many raw examples `split` has, or None where it is not known without reading."""
        return self.source.num_input_examples(split)
