"""Multiple choice by score: which of a question's choices does the model find most likely?

Every choice is an example of its own, scored by the model; its target is a `Choice` that names the question. The
choices of a question may be anywhere in the data set.

    >>> targets = [Choice("q1", False), Choice("q1", True), Choice("q2", True), Choice("q2", False)]
    >>> multiple_choice_accuracy(targets, [-3.0, -1.0, -5.0, -4.0])
    {'multiple_choice_accuracy': 0.5}
"""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from typing import Any, NamedTuple

import numpy as np

from evalkit import errors
from evalkit.columns import Array
from evalkit.metrics.checks import finite_scores


class Choice(NamedTuple):
    """The target of one choice.

    Attributes:
      group: which question it belongs to: any hashable id.
      is_correct: whether it is a right answer; a question may have several.
      length: how long the choice is, in tokens or bytes, for accuracy by length.
    """

    group: Hashable
    is_correct: bool
    length: float = 1.0


def multiple_choice_accuracy(targets: Sequence[Any], scores: Any) -> dict[str, float]:
    """The share of questions whose most likely choice is right: right / questions.

    Where k choices tie for the best score, the question counts as the share of right ones among the k: what a random
    pick would get. So the result does not depend on the order of the choices, and equal scores for everything give
    chance.

    Source: Brown et al. 2020, section 2.4; T5's rank classification (Sanh et al. 2022). Range [0, 1], higher is better.

    Args:
      targets: `Choice`s, or plain tuples `(group, is_correct)`.
      scores: the log-likelihood of each choice.

    Raises:
      MetricError: not one score per target, none at all, a score that is not finite, a target that is no choice, a
        question without a right choice or with less than two choices.
    """
    metric = "multiple_choice_accuracy"
    values = finite_scores(metric, targets, scores)
    return {metric: _accuracy(metric, _choices(metric, targets), values)}


def multiple_choice_accuracy_by_length(targets: Sequence[Any], scores: Any) -> dict[str, float]:
    """As `multiple_choice_accuracy`, with each score divided by the length of its choice.

    Source: `acc_norm` of the EleutherAI evaluation harness, where lengths are in bytes; Brown et al. 2020 divide by
    tokens. Range [0, 1], higher is better.

    Raises:
      MetricError: as `multiple_choice_accuracy`; a length is not positive.
    """
    metric = "multiple_choice_accuracy_by_length"
    values = finite_scores(metric, targets, scores)
    choices = _choices(metric, targets)
    for index, choice in enumerate(choices):
        if not choice.length > 0:
            raise errors.MetricError(f"{metric}: target {index} has length {choice.length!r}; it must be positive.")
    return {metric: _accuracy(metric, choices, values / np.array([choice.length for choice in choices], np.float64))}


def _choices(metric: str, targets: Sequence[Any]) -> list[Choice]:
    choices = []
    for index, target in enumerate(targets):
        if not isinstance(target, list | tuple) or len(target) not in (2, 3):
            raise errors.MetricError(
                f"{metric}: target {index} must be a Choice(group, is_correct, length), found {target!r:.100}."
            )
        choices.append(Choice(*target))
    return choices


def _accuracy(metric: str, choices: list[Choice], values: Array) -> float:
    numbers: dict[Hashable, int] = {}
    group = np.fromiter((numbers.setdefault(choice.group, len(numbers)) for choice in choices), np.int64, len(choices))
    correct = np.fromiter((choice.is_correct for choice in choices), bool, len(choices))
    questions = list(numbers)
    _check_questions(metric, questions, np.bincount(group), np.bincount(group, weights=correct))
    best = np.full(len(questions), -np.inf)
    np.maximum.at(best, group, values)
    tied = values == best[group]
    right = np.bincount(group[tied], weights=correct[tied], minlength=len(questions))
    return float(np.mean(right / np.bincount(group[tied])))


def _check_questions(metric: str, questions: list[Hashable], choices: Array, correct: Array) -> None:
    for wrong, what in ((choices < 2, "only one choice"), (correct == 0, "no right choice")):
        if wrong.any():
            first = questions[int(np.argmax(wrong))]
            raise errors.MetricError(
                f"{metric}: {int(wrong.sum())} of {len(questions)} questions have {what}; the first is {first!r}. Were "
                "choices filtered out, or group ids mixed up?"
            )
