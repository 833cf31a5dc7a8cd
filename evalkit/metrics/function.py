"""A metric function with all that the Evaluator must know of it: its name, what it judges, how its targets are made.

A `Task` turns each entry of `metric_fns` into one of these. The postprocess function belongs to the metric function, so
two metrics of one task that postprocess differently are each judged against their own targets; the Evaluator computes
targets and predictions once for all functions that share a postprocess function.

    >>> def share_right(targets, predictions):
    ...     return {"right": sum(map(str.__eq__, targets, predictions)) / len(targets)}
    >>> function = MetricFunction(share_right)
    >>> function.name, function.model_output_type.name
    ('share_right', 'PREDICTION')
    >>> function(targets=["a", "b"], predictions=["a", "c"])
    {'right': 0.5}
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping
from typing import Any, final

from evalkit import errors
from evalkit.metrics.signature import ModelOutputType, metric_fn_name, metric_fn_output_type


@final
@dataclasses.dataclass(frozen=True)
class MetricFunction:
    """A metric function, checked.

    Equal where function, name and postprocess function are; pickles if these do.

    Attributes:
      fn: takes `(targets, predictions)`, `(targets, scores)` or `(targets, predictions, aux_values)`; returns
        `{name: number or MetricValue}`.
      name: what messages and reports call it; by default the function's own name.
      postprocess_fn: `postprocess_fn(decoded, example=…, is_target=…)` makes targets and predictions from text; None
        leaves them as they are.
      model_output_type: the output that `fn` judges, read from its signature.

    Raises:
      DefinitionError: the signature of `fn` is none of the three.
    """

    fn: Callable[..., Mapping[str, Any]]
    name: str = dataclasses.field(default="", kw_only=True)
    postprocess_fn: Callable[..., Any] | None = dataclasses.field(default=None, kw_only=True)
    model_output_type: ModelOutputType = dataclasses.field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "model_output_type", metric_fn_output_type(self.fn))
        object.__setattr__(self, "name", self.name or metric_fn_name(self.fn))

    def __call__(self, **arguments: Any) -> Mapping[str, Any]:
        """Calls the function, by keyword."""
        return self.fn(**arguments)

    def compute(self, arguments: Mapping[str, Any]) -> Mapping[str, Any]:
        """Calls the function, and puts its name on whatever goes wrong.

        Raises:
          MetricError: the function raised; a MetricError of its own is passed on as it is.
        """
        try:
            return self.fn(**arguments)
        except errors.MetricError:
            raise
        except Exception as e:
            raise errors.MetricError(f"Metric {self.name!r} raised {type(e).__name__}: {e}") from e

    def postprocess(self, decoded: Any, **keywords: Any) -> Any:
        """One target or prediction, postprocessed; `decoded` itself where there is no postprocess function."""
        return decoded if self.postprocess_fn is None else self.postprocess_fn(decoded, **keywords)
