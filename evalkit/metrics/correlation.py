"""How predicted numbers follow the right ones: Pearson's and Spearman's correlation.

Both are in [-1, 1], higher is better. Constant predictions follow nothing and give 0; constant targets are an error.

    >>> spearman([1.0, 2.0, 3.0], [10.0, 100.0, 1000.0])
    {'spearman_corrcoef': 1.0}
"""

from __future__ import annotations

from typing import Any

import numpy as np

from evalkit import errors
from evalkit.columns import Array
from evalkit.metrics.checks import check_pairs, finite_numbers


def pearson(targets: Any, predictions: Any) -> dict[str, float]:
    """Pearson's product-moment correlation: Σ dt·dp / √(Σ dt² · Σ dp²), with deviations from the means.

    Source: Pearson 1896. Range [-1, 1], higher is better.

    Raises:
      MetricError: not one prediction per target, less than two, a value that is not a finite number, or all targets
        equal.
    """
    return {"pearson_corrcoef": _correlation(*_numbers("pearson", targets, predictions))}


def spearman(targets: Any, predictions: Any) -> dict[str, float]:
    """Spearman's rank correlation: Pearson's of the ranks, where equal values share the mean of their ranks.

    Source: Spearman 1904. Range [-1, 1], higher is better.

    Raises:
      MetricError: as `pearson`.
    """
    right, predicted = _numbers("spearman", targets, predictions)
    return {"spearman_corrcoef": _correlation(_ranks(right), _ranks(predicted))}


def _numbers(metric: str, targets: Any, predictions: Any) -> tuple[Array, Array]:
    check_pairs(metric, targets, predictions)
    right, predicted = finite_numbers(metric, targets, "target"), finite_numbers(metric, predictions, "prediction")
    if (right == right[0]).all():
        raise errors.MetricError(f"{metric}: all {len(right)} targets are {right[0]}; there is nothing to follow.")
    return right, predicted


def _ranks(values: Array) -> Array:
    _, inverse, counts = np.unique(values, return_inverse=True, return_counts=True)
    mean_rank = np.cumsum(counts) - (counts - 1) / 2
    return np.asarray(mean_rank[inverse])


def _correlation(targets: Array, predictions: Array) -> float:
    if (predictions == predictions[0]).all():
        return 0.0
    x, y = _unit(targets), _unit(predictions)
    return float(np.clip(x @ y, -1.0, 1.0))


def _unit(values: Array) -> Array:
    scaled = values / np.abs(values).max()  # squares of very large or small values would leave the range of a float
    deviations = scaled - scaled.mean()
    return np.asarray(deviations / np.linalg.norm(deviations))
