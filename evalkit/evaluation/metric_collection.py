"""The metrics of a task that judge one output of the model, merged and computed together.

A collection is immutable, as its metrics are: each batch gives a new one, and merging two gives a third.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Self, final

from evalkit.errors import MetricError
from evalkit.evaluation.user_code import calling
from evalkit.metrics.collecting import CollectingMetric, values_of
from evalkit.metrics.legacy import metric_function_of
from evalkit.metrics.passthrough import PassthroughLegacyMetric

_OF_FUNCTION = "FromMetricFun"


@final
@dataclasses.dataclass(frozen=True)
class MetricCollection:
    """Metrics by name; each is an attribute as well: `collection.Count_2`.

    Attributes:
      task_name: of the task, for messages.
      metrics: the metrics by name, which is the name of the class and the place among the others; for a metric
        function it is `FromMetricFun` and the place, as in seqio, where each becomes a class of that name.
    """

    task_name: str
    metrics: Mapping[str, Any]

    @classmethod
    def of(cls, task_name: str, metrics: Sequence[Any]) -> MetricCollection:
        """The metrics with nothing collected.

        Args:
          task_name: of the task, for messages.
          metrics: `Metric`s, instances or classes, or metric functions as `Task.metric_objs` has them: those collect
            outputs and call the function at the end.

        Raises:
          MetricError: a metric that cannot be merged: it has no `empty`.
        """
        mergeable = list(map(_mergeable, metrics))
        names = [f"{_name_of(metric)}_{place}" for place, metric in enumerate(mergeable)]
        return cls(task_name, dict(zip(names, mergeable, strict=True))).empty()

    def empty(self) -> MetricCollection:
        """The same metrics with nothing collected."""
        return self._mapped(lambda name, metric: metric.empty())

    def from_model_output(
        self,
        inputs: Any,
        model_output: Any,
        features: Mapping[str, Any],
        target_field_name: str = "targets",
        mask: Any = None,
        indices_2d: Any = None,
    ) -> MetricCollection:
        """The same metrics of one batch; arguments as in `Metric.from_model_output`.

        Raises:
          MetricError: a metric raised; the message says which.
        """
        return self._mapped(
            lambda name, metric: metric.from_model_output(
                inputs, model_output, features, target_field_name, mask=mask, indices_2d=indices_2d
            )
        )

    def merge(self, other: MetricCollection) -> MetricCollection:
        """The metrics of what both have seen.

        Raises:
          MetricError: the other collection has other metrics, or a metric raised; the message says which.
        """
        if self.metrics.keys() != other.metrics.keys():
            raise MetricError(
                f"Task {self.task_name!r}: collections of different metrics cannot be merged: {sorted(self.metrics)} "
                f"and {sorted(other.metrics)}. Merge collections of one task and one kind of model output."
            )
        return self._mapped(lambda name, metric: metric.merge(other.metrics[name]))

    def compute(
        self, examples: Sequence[Mapping[str, Any]], features: Mapping[str, Any], target_field_name: str = "targets"
    ) -> dict[str, Any]:
        """The values of all metrics by name.

        Args:
          examples: the examples of all shards, shard by shard, each `{feature: value}`; the metrics that collect need
            them, the others do not look.
          features: the task's output features.
          target_field_name: which of the features is the target.

        Raises:
          MetricError: a metric raised, or two of them gave values of one name; the message says which.
        """
        values: dict[str, Any] = {}
        for name, metric in self.metrics.items():
            with calling(MetricError, lambda name=name: self._what(name)):  # type: ignore[misc]
                found = values_of(metric, examples, features, target_field_name)[0]
            for key in found.keys() & values.keys():
                raise MetricError(f"{self._what(name)} gave a value named {key!r}, as one before it did. Rename one.")
            values.update(found)
        return values

    def parts(self) -> dict[str, Any]:
        """What has been seen so far, without what is the same in every process: functions need not pickle."""
        return {
            name: metric.values if isinstance(metric, CollectingMetric) else metric
            for name, metric in self.metrics.items()
        }

    def with_parts(self, parts: Mapping[str, Any]) -> MetricCollection:
        """The collection that gave `parts`, here or in another process."""

        def restored(name: str, metric: Any) -> Any:
            part = parts[name]
            return dataclasses.replace(metric, values=part) if isinstance(metric, CollectingMetric) else part

        return self._mapped(restored)

    def __getattr__(self, name: str) -> Any:
        metrics = self.__dict__.get("metrics", {})  # there are none while it is being copied or unpickled
        if name not in metrics:
            raise AttributeError(f"{type(self).__name__} has no metric {name!r}; it has {', '.join(metrics)}.")
        return metrics[name]

    def _mapped(self, function: Callable[[str, Any], Any]) -> Self:
        metrics = {}
        for name, metric in self.metrics.items():
            with calling(MetricError, lambda name=name: self._what(name)):  # type: ignore[misc]
                metrics[name] = function(name, metric)
        return dataclasses.replace(self, metrics=metrics)

    def _what(self, metric: str) -> str:
        return f"Task {self.task_name!r}: metric {metric!r}"


def _mergeable(metric: Any) -> Any:
    function = metric_function_of(metric)
    return metric if function is None else PassthroughLegacyMetric(function=function)


def _name_of(metric: Any) -> str:
    of_class = metric if isinstance(metric, type) else type(metric)
    return _OF_FUNCTION if of_class is PassthroughLegacyMetric else of_class.__name__
