"""Final answers and their counts."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from evalkit import errors
from evalkit.metrics import graded_answers


def test_a_case_computed_by_hand():
    assert graded_answers(["1", "2", "3", "4"], ["1", "5", None, "4"]) == {
        "accuracy": 0.5,
        "accuracy_stderr": 0.25,  # sqrt(0.5 * 0.5 / 4)
        "correct": 2,
        "wrong": 1,
        "unparsed": 1,
        "n": 4,
    }


def test_answers_may_be_sequences():
    metrics = graded_answers([[1, 2], [3]], [(1, 2), (3, 3)])
    assert (metrics["correct"], metrics["wrong"], metrics["unparsed"]) == (1, 1, 0)


@given(st.lists(st.tuples(st.sampled_from("ab"), st.sampled_from(["a", "b", "", None])), min_size=1))
@settings(max_examples=50, deadline=None)
def test_the_counts_add_up_to_n(pairs):
    targets, predictions = map(list, zip(*pairs, strict=True))
    metrics = graded_answers(targets, predictions)
    assert metrics["correct"] + metrics["wrong"] + metrics["unparsed"] == metrics["n"] == len(pairs)
    assert metrics["unparsed"] == predictions.count(None)
    assert metrics["correct"] == sum(target == prediction for target, prediction in pairs)


def test_an_evaluation_of_nothing_is_an_error():
    with pytest.raises(errors.MetricError, match="graded_answers: there are no examples"):
        graded_answers([], [])
    with pytest.raises(errors.MetricError, match="graded_answers: 1 targets but 2 predictions"):
        graded_answers(["a"], ["a", "b"])
