"""A metric function as a metric object that judges one batch, which is the whole data set: seqio's `LegacyMetric`.

>>> def share_right(targets, predictions):
...     return {"right": sum(map(str.__eq__, targets, predictions)) / len(targets)}
>>> metric = LegacyMetric.empty(share_right)
>>> metric.from_model_output([{"targets_pretokenized": "a"}], ["a"], {}).compute()
{'right': 1.0}
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping
from typing import Any, final

from evalkit import errors
from evalkit.metrics.arguments import examples_of, function_arguments, postprocessed_targets
from evalkit.metrics.function import MetricFunction
from evalkit.metrics.metric import Metric
from evalkit.metrics.passthrough import PassthroughLegacyMetric
from evalkit.metrics.rows import on_host
from evalkit.metrics.signature import ModelOutputType


@final
@dataclasses.dataclass(frozen=True)
class LegacyMetric(Metric):
    """A metric function that judges one batch, which is the whole data set.

    Attributes:
      function: the function, with its postprocess function.
      metric_fn_kwargs: the arguments that `compute` calls it with; empty before `from_model_output`.
      targets_and_inferences: what the arguments were made from, for loggers.
    """

    function: MetricFunction
    metric_fn_kwargs: Mapping[str, Any] = dataclasses.field(default_factory=dict)
    targets_and_inferences: Mapping[str, Any] = dataclasses.field(default_factory=dict)

    @classmethod
    def empty(  # type: ignore[override]  # seqio's door has these arguments
        cls, metric_fn: Callable[..., Any], postprocess_fn: Callable[..., Any] | None = None
    ) -> LegacyMetric:
        """The metric of a metric function, with no batch yet.

        Raises:
          DefinitionError: the signature of `metric_fn` fits no model output.
        """
        return cls(MetricFunction(metric_fn, postprocess_fn=postprocess_fn))

    @property
    def model_output_type(self) -> ModelOutputType:  # type: ignore[override]  # read from the function, never set
        """The output that the function judges."""
        return self.function.model_output_type

    def postprocess_fn(self, targets_or_predictions: Any, **postprocess_kwargs: Any) -> Any:
        """One target or prediction, postprocessed."""
        return self.function.postprocess(targets_or_predictions, **postprocess_kwargs)

    def from_model_output(
        self,
        inputs: Any,
        model_output: Any,
        features: Mapping[str, Any],
        target_field_name: str = "targets",
        mask: Any = None,
        indices_2d: Any = None,
    ) -> LegacyMetric:
        """The metric of these examples; arguments as in `Metric.from_model_output`.

        Raises:
          MetricError: `mask` or `indices_2d` is given: this metric neither pads nor merges.
          PostprocessError: the postprocess function raised; the message says for which example.
        """
        if mask is not None or indices_2d is not None:
            raise errors.MetricError(
                f"Metric {self.function.name!r}: a LegacyMetric takes the whole data set at once, without mask and "
                "indices. Make it with PassthroughLegacyMetric.from_metric_fn(fn, postprocess_fn) instead."
            )
        examples = examples_of(inputs)
        targets = postprocessed_targets(self.function, examples, features, target_field_name)
        arguments, inferences = function_arguments(
            self.function, examples, targets, on_host(model_output), features, target_field_name
        )
        return LegacyMetric(self.function, arguments, inferences)

    def compute(self) -> Mapping[str, Any]:
        """The function's numbers.

        Raises:
          MetricError: there has been no batch, it had not one output per target, or the function raised.
        """
        if not self.metric_fn_kwargs:
            raise errors.MetricError(
                f"Metric {self.function.name!r} has seen no model outputs: compute what `from_model_output` returns."
            )
        targets, output = (self.targets_and_inferences[name] for name in ("targets", self._output_name))
        rows_found = len(output[0] if isinstance(output, tuple) else output)  # scores may come with intermediates
        if rows_found != len(targets):
            raise errors.MetricError(
                f"Metric {self.function.name!r} was given {rows_found} model outputs for {len(targets)} targets."
            )
        return self.function.compute(self.metric_fn_kwargs)

    @property
    def _output_name(self) -> str:
        return "score" if self.model_output_type is ModelOutputType.SCORE else "output"


def metric_function_of(metric: object) -> MetricFunction | None:
    """The function that `metric` is made of, with its postprocess function; None if it is made of something else.

    An Evaluator that has all outputs in one place calls the function, and spares itself the collecting.
    """
    if isinstance(metric, MetricFunction):
        return metric
    return metric.function if isinstance(metric, PassthroughLegacyMetric | LegacyMetric) else None
