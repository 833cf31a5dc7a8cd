"""How far a mean can be trusted: its standard error and interval, with the n that they rest on.

Examples are a sample of what could have been asked, and another sample would have given another mean. Questions that
belong together (about one passage, say) are less evidence than as many independent ones; name their `groups`, and whole
groups are what varies. Nothing here depends on the order of the examples, and the same seed gives the same numbers
(with the same numpy).

    >>> estimate = estimate_mean([1.0, 0.0, 1.0, 1.0])
    >>> estimate.mean, estimate.stderr, estimate.n
    (0.75, 0.25, 4)
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Hashable, Sequence
from typing import Any, final

import numpy as np

from evalkit import errors
from evalkit.columns import Array
from evalkit.metrics import bootstrap
from evalkit.metrics.checks import finite_numbers


@final
@dataclasses.dataclass(frozen=True)
class Estimate:
    """A mean and what is known about it.

    Attributes:
      mean: of all values.
      stderr: the standard error of the mean.
      low: the lower end of the interval.
      high: the upper end of the interval.
      confidence: how often such an interval holds the true mean, in (0, 1).
      n: how many values there were.
      groups: how many groups of values there were; n where every value stands for itself.
    """

    mean: float
    stderr: float
    low: float
    high: float
    confidence: float
    n: int
    groups: int

    def as_metrics(self, name: str) -> dict[str, float]:
        """`{name, name_stderr, name_ci95_low, name_ci95_high, name_n}`, 95 being the confidence in percent."""
        interval = f"{name}_ci{100 * self.confidence:g}"
        return {
            name: self.mean,
            f"{name}_stderr": self.stderr,
            f"{interval}_low": self.low,
            f"{interval}_high": self.high,
            f"{name}_n": self.n,
        }


def estimate_mean(
    values: Any,
    *,
    groups: Sequence[Hashable] | Array | None = None,
    confidence: float = 0.95,
    resamples: int = 1000,
    seed: int = 0,
) -> Estimate:
    """The mean of `values` with its standard error (closed form) and bootstrap percentile interval.

    The interval of values that are all alike has no width, though another sample need not be alike: for a share that
    is 0 or 1 see
    `proportions.wilson_interval`.

    Args:
      values: numbers, one per example.
      groups: the group of each value; None if each stands for itself.
      confidence: of the interval, in (0, 1).
      resamples: how many samples the bootstrap draws.
      seed: of the bootstrap.

    Raises:
      MetricError: less than two values (or groups), or one that is not a finite number.
      ArgumentError: `confidence` or `resamples` is out of range.
    """
    sums, sizes = _sums(values, groups)
    low, high = bootstrap.interval(sums, sizes, confidence=confidence, resamples=resamples, seed=seed)
    mean, stderr = _mean_and_error(sums, sizes)
    return Estimate(mean, stderr, low, high, confidence, int(sizes.sum()), len(sizes))


def standard_error(values: Any, groups: Sequence[Hashable] | Array | None = None) -> float:
    """The standard error of the mean, in closed form.

    Without groups s / √n, with s² = Σ (x − mean)² / (n − 1). With groups √(G / (G − 1) · Σ_g (Σ_i (x_gi − mean))²) /
    n, which is the former where every group has one value. Source: Miller 2024, "Adding Error Bars to Evals" (arXiv
    2411.00640), here with the usual correction for few groups, G / (G − 1).

    Raises:
      MetricError: less than two values (or groups), or one that is not a finite number.
    """
    return _mean_and_error(*_sums(values, groups))[1]


def _sums(values: Any, groups: Sequence[Hashable] | Array | None) -> tuple[Array, Array]:
    """float64 sums and int64 sizes of the groups, in an order that depends on the values alone."""
    numbers = finite_numbers("standard error", values, "value")
    if groups is None:
        if len(numbers) < 2:
            raise errors.MetricError(f"A standard error needs at least 2 values, found {len(numbers)}.")
        return np.sort(numbers), np.ones(len(numbers), np.int64)
    if len(groups) != len(numbers):
        raise errors.MetricError(f"{len(numbers)} values but {len(groups)} groups; every value needs one.")
    known: dict[Hashable, int] = {}
    group = np.fromiter((known.setdefault(name, len(known)) for name in groups), np.int64, len(numbers))
    if len(known) < 2:
        raise errors.MetricError(f"A standard error needs at least 2 groups; all {len(numbers)} values are in one.")
    order = np.lexsort((numbers, group))
    sizes = np.bincount(group)
    sums = np.add.reduceat(numbers[order], np.cumsum(sizes) - sizes)
    canonical = np.lexsort((sizes, sums))
    return sums[canonical], sizes[canonical]


def _mean_and_error(sums: Array, sizes: Array) -> tuple[float, float]:
    count, groups = int(sizes.sum()), len(sizes)
    mean = math.fsum(sums) / count
    deviations = sums - sizes * mean
    return mean, math.sqrt(math.fsum(deviations * deviations) * groups / (groups - 1)) / count
