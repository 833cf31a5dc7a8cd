"""A metric that keeps model outputs until all of them are there.

Some metrics cannot be summed up batch by batch: BLEU, or anything that a plain metric function computes. They collect
the outputs, in any order and from any number of shards, and judge them at the end.
"""

from __future__ import annotations

import abc
import dataclasses
import types
from collections.abc import Callable, Mapping
from typing import Any, final

import numpy as np

from evalkit import errors
from evalkit.metrics import rows as row_tree
from evalkit.metrics import sharding
from evalkit.metrics.collected_rows import CollectedRows
from evalkit.metrics.metric import Metric


@final
class _OnEmpty:
    """A method that may be called on the class as well, which then stands for its empty metric.

    Code written for seqio and clu calls `from_model_output` and `empty` on classes; metrics that carry a function need
    an instance.
    """

    def __init__(self, method: Callable[..., Any]) -> None:
        self._method = method
        self.__doc__ = method.__doc__

    def __get__(self, instance: Any, owner: type[Any]) -> Callable[..., Any]:
        if instance is not None:
            return types.MethodType(self._method, instance)
        return lambda *positional, **named: self._method(owner(), *positional, **named)


@dataclasses.dataclass(frozen=True)
class CollectingMetric(Metric):
    """Base of metrics that collect; a subclass defines `actual_compute` and sets `model_output_type`.

    Attributes:
      values: the rows collected so far: "model_output", "indices_2d" and "mask"; empty at first.
    """

    values: Mapping[str, Any] = dataclasses.field(default_factory=CollectedRows)

    @_OnEmpty
    def empty(self) -> Any:  # type: ignore[override]  # serves where a classmethod would
        """The same metric with nothing collected."""
        return dataclasses.replace(self, values=CollectedRows())

    @_OnEmpty
    def from_model_output(
        self,
        inputs: Any,
        model_output: Any,
        features: Mapping[str, Any],
        target_field_name: str = "targets",
        mask: Any = None,
        indices_2d: Any = None,
    ) -> Any:
        """The same metric with this batch collected; arguments as in `Metric.from_model_output`.

        Raises:
          MetricError: the parts of the output, the mask and the indices differ in their number of rows.
        """
        count = row_tree.count_rows(model_output)
        mask = np.ones(count, bool) if mask is None else np.asarray(mask)
        if mask.shape != (count,):
            raise errors.MetricError(f"The mask must have shape [{count}], one per row; found {list(mask.shape)}.")
        if indices_2d is not None:
            indices_2d = sharding.as_indices(indices_2d, count)
        fields = {"model_output": row_tree.on_host(model_output), "indices_2d": indices_2d, "mask": mask}
        return dataclasses.replace(self, values=CollectedRows(fields))

    def merge(self, other: Any) -> Any:
        """What both collected; takes constant time, and the order of the rows does not matter."""
        return dataclasses.replace(self, values=_collected(self.values).merge(_collected(other.values)))

    def compute(self) -> Mapping[str, Any]:
        """The rows collected so far; the numbers come from `actual_compute`, which also needs the examples."""
        return dict(self.values)

    @abc.abstractmethod
    def actual_compute(
        self,
        task_dataset_as_numpy: Any,
        task_output_features: Mapping[str, Any],
        target_field_name: str = "targets",
        cached_targets: Any = None,
    ) -> tuple[Mapping[str, Any], dict[str, Any]]:
        """The numbers, and what they were computed from.

        Args:
          task_dataset_as_numpy: the examples of all shards, shard by shard, each `{feature: value}`.
          task_output_features: the task's output features.
          target_field_name: which of the features is the target.
          cached_targets: this metric's targets, postprocessed before; None makes them from the examples.

        Returns:
          `({name: number or MetricValue}, {"targets": …, "output": …, "prediction": …, "score": …, "aux_value": …})`,
          of the latter those that there are.
        """


def values_of(
    metric: Any, examples: Any, features: Mapping[str, Any], target_field_name: str = "targets"
) -> tuple[Mapping[str, Any], dict[str, Any]]:
    """The numbers of a metric that has seen everything, whichever way it computes them.

    Arguments and result are as in `CollectingMetric.actual_compute`; for a metric that does not collect, which needs no
    examples, what the numbers were computed from is not known, and the second dictionary is empty.
    """
    if isinstance(metric, CollectingMetric):
        return metric.actual_compute(examples, features, target_field_name)
    return metric.compute(), {}


def _collected(values: Mapping[str, Any]) -> CollectedRows:
    return values if isinstance(values, CollectedRows) else CollectedRows(values)
