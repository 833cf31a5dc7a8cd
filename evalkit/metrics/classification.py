"""Metrics for outputs that are one label out of few: accuracy, F1 and Matthews' correlation.

Labels are anything hashable. A prediction of None (no label was found in the output) is a mistake, never a label.
Fractions in [0, 1], `matthews` in [-1, 1]; higher is better.

    >>> macro_f1(["yes", "yes", "no"], ["yes", "no", "no"])
    {'f1_macro': 0.6666666666666666}
"""

from __future__ import annotations

import collections
import math
from collections.abc import Hashable
from typing import NamedTuple

from evalkit import errors
from evalkit.metrics.checks import Values
from evalkit.metrics.exact import matches


def accuracy(targets: Values, predictions: Values) -> dict[str, float]:
    """The share of predictions that are the right label: right / n.

    Range [0, 1], higher is better.

    Raises:
      MetricError: not one prediction per target, none at all, or text on one side and bytes on the other.
    """
    right = matches("accuracy", targets, predictions)
    return {"accuracy": int(right.sum()) / len(right)}


def binary_f1(targets: Values, predictions: Values, positive_label: Hashable = 1) -> dict[str, float]:
    """F1 of one label: 2 · hits / (targets with the label + predictions of it).

    Source: van Rijsbergen 1979, chapter 7 (the E measure's complement, alpha = 1/2). Range [0, 1], higher is better.

    Raises:
      MetricError: not one prediction per target, none at all, or no target has the positive label.
    """
    counts = _count("binary_f1", targets, predictions)
    if not counts.in_targets[positive_label]:
        raise errors.MetricError(
            f"binary_f1: no target has the positive label {positive_label!r}; the labels are {_shown(counts)}. Name "
            "the positive one: functools.partial(binary_f1, positive_label=…)."
        )
    return {"f1_binary": counts.f1(positive_label)}


def macro_f1(targets: Values, predictions: Values) -> dict[str, float]:
    """The mean of the F1 of every label that occurs in the targets: each label weighs the same.

    A label that is only ever predicted is a mistake for the label that was meant, and no label of its own; so garbage
    that differs each time does not change the number of labels. Where predictions hold no other labels than the
    targets, this is scikit-learn's `f1_score(average="macro")`. Source: Opitz and Burst 2019, the averaged F1 (arXiv
    1911.03347). Range [0, 1], higher is better.

    Raises:
      MetricError: not one prediction per target, or none at all.
    """
    counts = _count("macro_f1", targets, predictions)
    return {"f1_macro": math.fsum(map(counts.f1, counts.in_targets)) / len(counts.in_targets)}


def weighted_f1(targets: Values, predictions: Values) -> dict[str, float]:
    """The mean of the F1 of every label, weighed by how many targets have it.

    Source: scikit-learn's `f1_score(average="weighted")`. Range [0, 1], higher is better.

    Raises:
      MetricError: not one prediction per target, or none at all.
    """
    counts = _count("weighted_f1", targets, predictions)
    weighted = math.fsum(counts.f1(label) * support for label, support in counts.in_targets.items())
    return {"f1_weighted": weighted / len(targets)}


def micro_f1(targets: Values, predictions: Values) -> dict[str, float]:
    """F1 over all decisions: 2 · right / (n + answered), where an answer is a prediction that is not None.

    With an answer to everything this is the accuracy. Source: Yang 1999 (micro-averaging). Range [0, 1],
    higher is better.

    Raises:
      MetricError: not one prediction per target, or none at all.
    """
    counts = _count("micro_f1", targets, predictions)
    return {"f1_micro": 2 * counts.hits.total() / (len(targets) + counts.in_predictions.total())}


def f1_per_label(targets: Values, predictions: Values) -> dict[str, float]:
    """`precision/<label>`, `recall/<label>` and `f1/<label>` for every label that occurs in the targets.

    Precision is hits / predictions of the label (0 where there is none), recall is hits / targets with the label, F1 as
    `binary_f1`. Range [0, 1], higher is better.

    Raises:
      MetricError: not one prediction per target, none at all, or two labels that read the same.
    """
    counts = _count("f1_per_label", targets, predictions)
    names = {str(label): label for label in counts.in_targets}
    if len(names) < len(counts.in_targets):
        raise errors.MetricError(f"f1_per_label: two labels have the same text; the labels are {_shown(counts)}.")
    result = {}
    for name, label in sorted(names.items()):
        result[f"precision/{name}"] = counts.hits[label] / max(counts.in_predictions[label], 1)
        result[f"recall/{name}"] = counts.hits[label] / counts.in_targets[label]
        result[f"f1/{name}"] = counts.f1(label)
    return result


def matthews(targets: Values, predictions: Values) -> dict[str, float]:
    """Matthews' correlation of targets and predictions, for any number of labels.

    (n · right − Σ t·p) / √((n² − Σ p²) · (n² − Σ t²)), where t and p count each label in targets and predictions; with
    two labels the phi coefficient. Constant predictions give 0. Source: Gorodkin 2004 (R_K). Range [-1,
    1], higher is better, 0 is chance.

    Raises:
      MetricError: not one prediction per target, none at all, or all targets the same, where it is undefined.
    """
    counts = _count("matthews", targets, predictions)
    n = len(targets)
    if len(counts.in_targets) == 1:
        raise errors.MetricError(f"matthews: all {n} targets are {targets[0]!r}, and a correlation needs two labels.")
    unanswered = n - counts.in_predictions.total()
    spread_of_targets = n * n - sum(t * t for t in counts.in_targets.values())
    spread_of_predictions = n * n - sum(p * p for p in counts.in_predictions.values()) - unanswered * unanswered
    agreement = n * counts.hits.total() - sum(t * counts.in_predictions[x] for x, t in counts.in_targets.items())
    value = agreement / math.sqrt(spread_of_targets * spread_of_predictions) if spread_of_predictions else 0.0
    return {"matthews_corrcoef": value}


class _Counts(NamedTuple):
    hits: collections.Counter[Hashable]
    in_targets: collections.Counter[Hashable]
    in_predictions: collections.Counter[Hashable]

    def f1(self, label: Hashable) -> float:
        return 2 * self.hits[label] / (self.in_targets[label] + self.in_predictions[label])


def _count(metric: str, targets: Values, predictions: Values) -> _Counts:
    right = matches(metric, targets, predictions)
    try:
        in_targets, in_predictions = collections.Counter(targets), collections.Counter(predictions)
    except TypeError as e:
        raise errors.MetricError(f"{metric}: labels must be hashable: {e}.") from e
    if None in in_targets:
        raise errors.MetricError(f"{metric}: target {list(targets).index(None)} is None, which is no label.")
    del in_predictions[None]
    hits = collections.Counter(target for target, is_right in zip(targets, right.tolist(), strict=True) if is_right)
    return _Counts(hits, in_targets, in_predictions)


def _shown(counts: _Counts) -> str:
    return ", ".join(f"{label!r} ({count})" for label, count in counts.in_targets.most_common(10))
