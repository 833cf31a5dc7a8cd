"""A metric function as a metric object that is merged over shards: seqio's `PassthroughLegacyMetric`.

It collects outputs and calls the function at the end, so any metric function can judge a sharded evaluation. Each one
makes its own targets with its own postprocess function.

    >>> def share_right(targets, predictions):
    ...     return {"right": sum(map(str.__eq__, targets, predictions)) / len(targets)}
    >>> metric = PassthroughLegacyMetric.from_metric_fn(share_right)
    >>> first = metric.from_model_output([], ["b"], {}, indices_2d=[[1, 0]])
    >>> second = metric.from_model_output([], ["a"], {}, indices_2d=[[0, 0]])
    >>> examples = [{"targets_pretokenized": "a"}, {"targets_pretokenized": "x"}]
    >>> first.merge(second).actual_compute(examples, {})[0]
    {'right': 0.5}
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping
from typing import Any, final

from evalkit import errors
from evalkit.metrics import sharding
from evalkit.metrics.arguments import examples_of, function_arguments, postprocessed_targets
from evalkit.metrics.collecting import CollectingMetric
from evalkit.metrics.function import MetricFunction
from evalkit.metrics.signature import ModelOutputType


@final
@dataclasses.dataclass(frozen=True)
class PassthroughLegacyMetric(CollectingMetric):
    """A metric function that collects, merges in any grouping, and is called at the end.

    Attributes:
      function: the function, with its postprocess function.
    """

    function: MetricFunction = dataclasses.field(kw_only=True)

    @classmethod
    def from_metric_fn(
        cls, metric_fn: Callable[..., Any], postprocess_fn: Callable[..., Any] | None = None
    ) -> PassthroughLegacyMetric:
        """The empty metric of a metric function; pickles if the two functions do.

        Args:
          metric_fn: `(targets, predictions)`, `(targets, scores)` or `(targets, predictions, aux_values)`.
          postprocess_fn: `postprocess_fn(decoded, example=…, is_target=…)`, or None.

        Raises:
          DefinitionError: the signature of `metric_fn` is none of the three.
        """
        return cls(function=MetricFunction(metric_fn, postprocess_fn=postprocess_fn))

    @property
    def model_output_type(self) -> ModelOutputType:  # type: ignore[override]  # read from the function, never set
        """The output that the function judges."""
        return self.function.model_output_type

    def actual_compute(
        self,
        task_dataset_as_numpy: Any,
        task_output_features: Mapping[str, Any],
        target_field_name: str = "targets",
        cached_targets: Any = None,
    ) -> tuple[Mapping[str, Any], dict[str, Any]]:
        """The function's numbers over all that was collected; see `CollectingMetric.actual_compute`.

        Raises:
          MetricError: outputs are missing or there twice, or the function raised.
          PostprocessError: the postprocess function raised; the message says for which example.
        """
        examples = examples_of(task_dataset_as_numpy)
        targets = cached_targets
        if targets is None:
            targets = postprocessed_targets(self.function, examples, task_output_features, target_field_name)
        if not self.values:
            raise errors.MetricError(f"Metric {self.function.name!r} has collected no model outputs.")
        fields = dict(self.values)
        indices, output = sharding.remove_padding_examples(fields["model_output"], fields["indices_2d"], fields["mask"])
        sharding.check_each_once(indices, len(targets))
        output = sharding.globally_sort_model_output(output, indices)
        arguments, inferences = function_arguments(
            self.function, examples, targets, output, task_output_features, target_field_name
        )
        return self.function.compute(arguments), inferences
