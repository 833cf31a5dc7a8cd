"""The bootstrap of a mean: draw as many groups as there are, with replacement, and see where the means fall.

Source: Efron 1979; the percentile interval is that of Efron and Tibshirani 1993, chapter 13. A sample's mean depends
only on how often each distinct group was drawn. Where few are distinct (right or wrong, say) these counts are drawn at
once from the multinomial distribution, which is the same thing and much faster than drawing every example.

    >>> low, high = interval(np.array([0.0] * 50 + [1.0] * 50), np.ones(100, np.int64), seed=1)
    >>> bool(0.35 < low < 0.45 and 0.55 < high < 0.65)
    True
"""

from __future__ import annotations

import numpy as np

from evalkit import errors
from evalkit.columns import Array

_DRAWS_AT_ONCE = 1 << 21  # numbers held at a time, some 50 MB with what is computed from them
_MULTINOMIAL_COST = 8  # a multinomial count takes about as long as drawing this many examples


def means(sums: Array, sizes: Array, *, resamples: int = 1000, seed: int = 0) -> Array:
    """The mean of each of `resamples` samples, float64 `[resamples]`.

    Args:
      sums: float64 `[groups]`, the sum of each group's values; a value that stands for itself is a group.
      sizes: int64 `[groups]`, how many values each group has.
      resamples: how many samples to draw.
      seed: the same seed and groups, in the same order, give the same means.
    """
    distinct, counts = np.unique(np.stack([sums, sizes.astype(np.float64)], axis=1), axis=0, return_counts=True)
    random = np.random.default_rng(seed)
    compressed = len(distinct) * _MULTINOMIAL_COST <= len(sums)
    width = len(distinct) if compressed else len(sums)
    rows = max(1, _DRAWS_AT_ONCE // width)
    parts = []
    for start in range(0, resamples, rows):
        shape = min(rows, resamples - start)
        if compressed:
            totals = random.multinomial(len(sums), counts / len(sums), size=shape) @ distinct
        else:
            drawn = random.integers(0, len(sums), size=(shape, len(sums)))
            totals = np.stack([sums[drawn].sum(axis=1), sizes[drawn].sum(axis=1)], axis=1)
        parts.append(totals[:, 0] / totals[:, 1])
    return np.concatenate(parts)


def interval(
    sums: Array, sizes: Array, *, confidence: float = 0.95, resamples: int = 1000, seed: int = 0
) -> tuple[float, float]:
    """The percentile interval of the mean: the middle `confidence` of `means`; arguments as there.

    Raises:
      ArgumentError: `confidence` is not in (0, 1), or `resamples` is not positive.
    """
    check_plan(confidence, resamples)
    drawn = means(sums, sizes, resamples=resamples, seed=seed)
    low, high = np.quantile(drawn, [(1 - confidence) / 2, (1 + confidence) / 2])
    return float(low), float(high)


def check_plan(confidence: float, resamples: int) -> None:
    """Checks the two numbers that an interval is planned with.

    Raises:
      ArgumentError: `confidence` is not in (0, 1), or `resamples` is not positive.
    """
    if not 0 < confidence < 1:
        raise errors.ArgumentError(f"confidence must be between 0 and 1, found {confidence!r}; 95 percent is 0.95.")
    if resamples < 1:
        raise errors.ArgumentError(f"resamples must be at least 1, found {resamples!r}.")
