"""How far a share of right answers can be trusted, from the two counts alone.

>>> round(proportion_standard_error(50, 100), 3)
0.05
"""

from __future__ import annotations

import math
from statistics import NormalDist

from evalkit import errors
from evalkit.metrics.bootstrap import check_plan


def proportion_standard_error(right: int, n: int) -> float:
    """The standard error of the share right / n: √(p · (1 − p) / n). Source: the binomial distribution's variance.

    Raises:
      MetricError: not 0 <= right <= n, or n is 0.
    """
    share = _share(right, n)
    return math.sqrt(share * (1 - share) / n)


def wilson_interval(right: int, n: int, confidence: float = 0.95) -> tuple[float, float]:
    """Wilson's score interval of the share right / n, which is honest for few examples and for shares near 0 or 1.

    Source: Wilson 1927, "Probable Inference, the Law of Succession, and Statistical Inference".

        >>> low, high = wilson_interval(20, 20)
        >>> round(low, 3), high
        (0.839, 1.0)

    Raises:
      MetricError: not 0 <= right <= n, or n is 0.
      ArgumentError: `confidence` is not in (0, 1).
    """
    check_plan(confidence, resamples=1)
    share = _share(right, n)
    z = NormalDist().inv_cdf((1 + confidence) / 2)
    center = share + z * z / (2 * n)
    reach = z * math.sqrt(share * (1 - share) / n + z * z / (4 * n * n))
    scale = 1 + z * z / n
    low = 0.0 if right == 0 else (center - reach) / scale
    high = 1.0 if right == n else (center + reach) / scale
    return low, high


def _share(right: int, n: int) -> float:
    if not 0 <= right <= n or n == 0:
        raise errors.MetricError(f"{right} right of {n} is no share: 0 <= right <= n and n > 0 must hold.")
    return right / n
