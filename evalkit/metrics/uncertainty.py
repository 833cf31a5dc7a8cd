"""Any per-example metric with its uncertainty: write how one example is judged, get mean, error, interval and n.

>>> def within_one(target, prediction):
...     return abs(target - prediction) <= 1
>>> metric = with_uncertainty(within_one)
>>> result = metric(targets=[1, 2, 3, 9], predictions=[1, 3, 3, 3])
>>> sorted(result)
['within_one', 'within_one_ci95_high', 'within_one_ci95_low', 'within_one_n', 'within_one_stderr']
>>> result["within_one"], result["within_one_stderr"], result["within_one_n"]
(0.75, 0.25, 4)
"""

from __future__ import annotations

import dataclasses
import inspect
from collections.abc import Callable, Hashable, Sequence
from typing import Any, final

from evalkit import errors
from evalkit.metrics import bootstrap
from evalkit.metrics.checks import check_pairs, finite_numbers
from evalkit.metrics.signature import metric_fn_name
from evalkit.metrics.statistics import estimate_mean


@final
@dataclasses.dataclass(frozen=True)
class PerExample:
    """How single examples are judged, and how their mean is estimated.

    Attributes:
      fn: `fn(target, output) -> number`, where True counts 1.
      name: what the mean is called.
      confidence: of the interval, in (0, 1).
      resamples: how many samples the bootstrap draws.
      seed: of the bootstrap.
      group_fn: `group_fn(target)` tells which examples belong together; None if each stands for itself.

    Raises:
      ArgumentError: `confidence` or `resamples` is out of range.
    """

    fn: Callable[[Any, Any], float]
    name: str
    confidence: float = 0.95
    resamples: int = 1000
    seed: int = 0
    group_fn: Callable[[Any], Hashable] | None = None

    def __post_init__(self) -> None:
        bootstrap.check_plan(self.confidence, self.resamples)

    def measure(self, targets: Sequence[Any], outputs: Sequence[Any], noun: str) -> dict[str, float]:
        """The estimate over all examples, as metrics; `noun` is the word for an output in messages.

        Raises:
          MetricError: not one output per target, less than two, or the function raised or gave no finite number; the
            message says for which example.
        """
        check_pairs(self.name, targets, outputs, noun)
        values: list[float] = []
        try:
            for target, output in zip(targets, outputs, strict=True):
                values.append(self.fn(target, output))
        except Exception as e:
            raise errors.MetricError(f"{self.name} raised {type(e).__name__} for example {len(values)}: {e}") from e
        numbers = finite_numbers(self.name, values, "value of example")
        groups = None if self.group_fn is None else list(map(self.group_fn, targets))
        estimate = estimate_mean(
            numbers, groups=groups, confidence=self.confidence, resamples=self.resamples, seed=self.seed
        )
        return estimate.as_metrics(self.name)


@final
@dataclasses.dataclass(frozen=True)
class PredictionMetric:
    """A metric function of `(targets, predictions)`, made from a per-example one."""

    per_example: PerExample

    @property
    def __name__(self) -> str:
        return self.per_example.name

    def __call__(self, targets: Sequence[Any], predictions: Sequence[Any]) -> dict[str, float]:
        """The mean over all examples with its uncertainty; see `PerExample.measure`."""
        return self.per_example.measure(targets, predictions, "prediction")


@final
@dataclasses.dataclass(frozen=True)
class ScoreMetric:
    """A metric function of `(targets, scores)`, made from a per-example one."""

    per_example: PerExample

    @property
    def __name__(self) -> str:
        return self.per_example.name

    def __call__(self, targets: Sequence[Any], scores: Sequence[Any]) -> dict[str, float]:
        """The mean over all examples with its uncertainty; see `PerExample.measure`."""
        return self.per_example.measure(targets, scores, "score")


def with_uncertainty(
    per_example_fn: Callable[[Any, Any], float], name: str | None = None, **plan: Any
) -> PredictionMetric | ScoreMetric:
    """A metric function that returns `{name, name_stderr, name_ci95_low, name_ci95_high, name_n}`.

    The result does not depend on the order of the examples, and pickles if `per_example_fn` does. The error is that of
    `statistics.standard_error`, the interval that of `statistics.estimate_mean`.

    Args:
      per_example_fn: `(target, prediction) -> number`, or `(target, score) -> number` if its second parameter is named
        `score`; True counts 1.
      name: what the mean is called; by default the function's name.
      **plan: `confidence`, `resamples`, `seed`, `group_fn` of `PerExample`.

    Raises:
      ArgumentError: `confidence` or `resamples` is out of range.
    """
    per_example = PerExample(per_example_fn, name or metric_fn_name(per_example_fn), **plan)
    parameters = list(inspect.signature(per_example_fn).parameters)
    return ScoreMetric(per_example) if parameters[1:2] == ["score"] else PredictionMetric(per_example)
