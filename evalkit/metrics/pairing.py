"""Two runs on the same examples: is one better, or lucky?

>>> first, second = {"a": 1.0, "b": 1.0, "c": 0.0}, {"c": 0.0, "b": 0.0, "a": 1.0}
>>> difference = paired_difference(first, second)
>>> round(difference.mean, 3), round(difference.stderr, 3), difference.n
(0.333, 0.333, 3)
"""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from typing import Any, TypeVar

from evalkit import errors
from evalkit.metrics.checks import finite_numbers
from evalkit.metrics.statistics import Estimate, estimate_mean

Id = TypeVar("Id", bound=Hashable)


def paired_difference(
    first: Mapping[Id, float],
    second: Mapping[Id, float],
    *,
    groups: Mapping[Id, Hashable] | None = None,
    confidence: float = 0.95,
    resamples: int = 1000,
    seed: int = 0,
) -> Estimate:
    """The mean of first − second over the examples of two runs, each matched with itself by id.

    What both runs find hard or easy cancels out, so the interval is narrower than those of the two means suggest; if
    it holds no 0 the difference is significant at 1 − confidence. Source: Koehn 2004 (paired bootstrap); Miller 2024
    (arXiv 2411.00640).

    Args:
      first: one run's value of each example id.
      second: the other run's.
      groups: the group of each example id; None if each stands for itself.
      confidence: of the interval, in (0, 1).
      resamples: how many samples the bootstrap draws.
      seed: of the bootstrap.

    Raises:
      MetricError: the runs did not judge the same ids, an id has no group, or as `estimate_mean`.
      ArgumentError: `confidence` or `resamples` is out of range.
    """
    _check_same_ids("The first run", first, "the second", second)
    if groups is not None:
        _check_same_ids("The runs", first, "`groups`", {key: groups[key] for key in groups if key in first})
    ids = list(first)
    differences = finite_numbers("paired_difference", [first[i] for i in ids], "value of the first run")
    differences = differences - finite_numbers("paired_difference", [second[i] for i in ids], "value of the second run")
    grouped = None if groups is None else [groups[i] for i in ids]
    return estimate_mean(differences, groups=grouped, confidence=confidence, resamples=resamples, seed=seed)


def _check_same_ids(one: str, first: Mapping[Id, Any], other: str, second: Mapping[Id, Any]) -> None:
    missing, foreign = [i for i in first if i not in second], [i for i in second if i not in first]
    if missing or foreign:
        raise errors.MetricError(
            f"{one} and {other} must name the same example ids: {len(missing)} are only in the former (first: "
            f"{missing[:3]}), {len(foreign)} only in the latter (first: {foreign[:3]})."
        )
