"""Multiple choice by score."""

from __future__ import annotations

import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from evalkit import errors
from evalkit.metrics import Choice, multiple_choice_accuracy, multiple_choice_accuracy_by_length

METRICS = [multiple_choice_accuracy, multiple_choice_accuracy_by_length]


def accuracy(targets, scores):
    return multiple_choice_accuracy(targets, scores)["multiple_choice_accuracy"]


def test_a_case_computed_by_hand():
    targets = [(q, i == 0) for q in ("q1", "q2") for i in range(3)]
    assert accuracy(targets, [-1.0, -2.0, -3.0, -5.0, -4.0, -9.0]) == 0.5


def test_several_choices_may_be_right():
    assert accuracy([Choice(1, True), Choice(1, True), Choice(1, False)], [-2.0, -1.0, -3.0]) == 1.0


def test_ties_count_what_a_random_pick_would_get():
    targets = [Choice("q", i == 3) for i in range(4)]
    assert accuracy(targets, [-1.0] * 4) == 0.25
    assert accuracy(targets, [-9.0, -9.0, -1.0, -1.0]) == 0.5


def test_lengths_divide_scores():
    targets = [Choice("q", True, length=10), Choice("q", False, length=2)]
    assert multiple_choice_accuracy(targets, [-5.0, -2.0]) == {"multiple_choice_accuracy": 0.0}
    expected = {"multiple_choice_accuracy_by_length": 1.0}
    assert multiple_choice_accuracy_by_length(targets, [-5.0, -2.0]) == expected


QUESTIONS = st.lists(
    st.lists(st.tuples(st.integers(-3, 0), st.booleans()), min_size=2, max_size=4).filter(
        lambda choices: any(right for _, right in choices)
    ),
    min_size=1,
    max_size=5,
)


@given(QUESTIONS, st.randoms(use_true_random=False))
@settings(max_examples=80, deadline=None)
def test_it_agrees_with_counting_and_order_does_not_matter(questions, random):
    expected = []
    for choices in questions:
        best = max(score for score, _ in choices)
        tied = [right for score, right in choices if score == best]
        expected.append(sum(tied) / len(tied))
    rows = [(Choice(q, right), float(score)) for q, choices in enumerate(questions) for score, right in choices]
    random.shuffle(rows)
    targets, scores = zip(*rows, strict=True)
    assert accuracy(list(targets), list(scores)) == pytest.approx(sum(expected) / len(expected))


@pytest.mark.parametrize("metric", METRICS)
@pytest.mark.parametrize(
    ("targets", "scores", "message"),
    [
        ([], [], "there are no examples"),
        ([("q", True)], [-1.0, -2.0], "1 targets but 2 scores"),
        ([("q", True), ("q", False)], [-1.0, math.nan], "score 1 is nan"),
        ([("q", True), "q"], [-1.0, -2.0], "target 1 must be a Choice.*found 'q'"),
        ([("q", True), ("q", False), ("r", True)], [-1.0] * 3, "1 of 2 questions have only one choice.*first is 'r'"),
        ([("q", False), ("q", False)], [-1.0, -2.0], "1 of 1 questions have no right choice.*'q'"),
    ],
)
def test_what_cannot_be_judged_is_named(metric, targets, scores, message):
    with pytest.raises(errors.MetricError, match=f"{metric.__name__}: {message}"):
        metric(targets, scores)


def test_lengths_must_be_positive():
    with pytest.raises(errors.MetricError, match="target 1 has length 0; it must be positive"):
        multiple_choice_accuracy_by_length([Choice("q", True, 1), Choice("q", False, 0)], [-1.0, -2.0])
