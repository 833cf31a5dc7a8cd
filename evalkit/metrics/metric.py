"""A metric as an object: partial results of batches, merged in any grouping, that become numbers at the end.

A metric *function* sees all targets and predictions at once and suits one machine. A metric *object* suits an
evaluation that is spread over batches and hosts: each part is judged where it is, and only partial results travel.

    >>> import dataclasses
    >>> @dataclasses.dataclass(frozen=True)
    ... class Count(Metric):
    ...     count: int = 0
    ...     model_output_type = ModelOutputType.PREDICTION
    ...     @classmethod
    ...     def from_model_output(cls, inputs, model_output, features, target_field_name="targets", mask=None,
    ...                           indices_2d=None):
    ...         return cls(len(model_output) if mask is None else int(mask.sum()))
    ...     def merge(self, other):
    ...         return Count(self.count + other.count)
    ...     def compute(self):
    ...         return {"count": self.count}
    >>> first, second = Count.from_model_output([], [[1], [2]], {}), Count.from_model_output([], [[3]], {})
    >>> first.merge(second).compute()
    {'count': 3}
"""

from __future__ import annotations

import abc
from collections.abc import Callable, Mapping
from typing import Any

from evalkit import errors
from evalkit.metrics.signature import ModelOutputType as ModelOutputType
from evalkit.metrics.signature import metric_fn_output_type as metric_fn_output_type

MetricFnCallable = Callable[..., Mapping[str, Any]]


class Metric(abc.ABC):
    """A mergeable metric; derive from it, best as a frozen dataclass.

    Two laws hold for whatever derives from it: `merge` is associative, and computing the merge of the parts gives what
    computing the whole would. The Evaluator and `MetricManager` group and reorder on their strength.

    Attributes:
      model_output_type: which output of the model this metric judges; set it in the class.
    """

    model_output_type: ModelOutputType

    @abc.abstractmethod
    def from_model_output(  # may be a classmethod, where nothing but the class is needed
        self,
        inputs: Any,
        model_output: Any,
        features: Mapping[str, Any],
        target_field_name: str = "targets",
        mask: Any = None,
        indices_2d: Any = None,
    ) -> Any:
        """The metric of one batch.

        Args:
          inputs: the examples, an iterable of `{feature: value}`.
          model_output: one output per example, in the same order: an array whose first dimension is the examples, a
            list of rows, or `(outputs, {name: values})` where the model gives auxiliary values.
          features: the task's output features.
          target_field_name: which of the features is the target.
          mask: bool `[batch]`, False for rows that only fill the batch; None if all rows count.
          indices_2d: int `[batch, 2]`, the shard and the position within it of each example; None numbers them as they
            come.
        """

    @classmethod
    def empty(cls) -> Any:  # may be a method, where more than the class is needed
        """The metric of no examples: merging it changes nothing.

        Raises:
          MetricError: the class does not define it.
        """
        raise errors.MetricError(_refusal(cls, "start from nothing", "empty()"))

    def merge(self, other: Any) -> Any:
        """The metric of the examples of both.

        Raises:
          MetricError: the class does not define it.
        """
        raise errors.MetricError(_refusal(self, "be merged", "merge(other)"))

    @abc.abstractmethod
    def compute(self) -> Mapping[str, Any]:
        """`{name: number or MetricValue}` of everything merged so far."""


def _refusal(metric: object, ability: str, method: str) -> str:
    name = metric.__name__ if isinstance(metric, type) else type(metric).__name__
    return f"Metric {name} cannot {ability}, which sharded evaluation needs: define `{method}` in {name}."
