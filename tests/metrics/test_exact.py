"""Exact match, sequence accuracy and token accuracy."""

from __future__ import annotations

import time

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from evalkit import errors
from evalkit.metrics import exact_match, exact_match_any, sequence_accuracy, token_accuracy

NAN = float("nan")


@pytest.mark.parametrize(
    ("targets", "predictions", "expected"),
    [
        (["4", "7"], ["4", "8"], 0.5),
        (["A"], ["a"], 0.0),  # cleaning is the postprocess function's work
        ([1, 2, 3], [1.0, 2, 4], 2 / 3),
        ([b"x"], [b"x"], 1.0),
        (["a", "b"], [None, "b"], 0.5),  # no answer was found
        ([None], [None], 0.0),  # and none is never right
        ([NAN], [NAN], 0.0),
        (np.array([1, 2]), np.array([1, 3]), 0.5),
        (np.array(["a", "b"]), ["a", "c"], 0.5),
        ([("a", 1)], [("a", 1)], 1.0),
        ([{"a": 1}], [{"a": 1}], 1.0),
        ([True], [1], 1.0),
        (["a"], [["a"]], 0.0),
    ],
)
def test_exact_match(targets, predictions, expected):
    assert exact_match(targets, predictions) == {"exact_match": pytest.approx(expected)}


@pytest.mark.parametrize(
    ("target", "prediction", "right"),
    [
        ([5, 6, 1], [5, 6, 1], True),
        ([5, 6, 1], [5, 6], False),
        ([5, 6, 1], np.array([5, 6, 1]), True),
        (np.array([5, 6, 1]), np.array([5, 6, 1], np.int64), True),
        (np.array([5, 6, 1]), np.array([5, 9, 1]), False),
        ((5, 6), [5, 6], True),
        ([[1], [2, 3]], [[1], [2, 3]], True),  # top-k
        ([[1], [2, 3]], [[1], [2, 4]], False),
        ([[1]], [[[1]]], False),
        ([1, "1"], ["1", "1"], False),  # numpy would take them for equal
        ([NAN], [NAN], False),  # Python would take one and the same NaN for equal
        ([None], [None], False),
        (np.array(5), np.array(5), True),
        (np.array(5), [5], False),
        ([], [], True),
        ("a b", "a b", True),
    ],
)
def test_sequences_are_equal_element_by_element_whatever_holds_them(target, prediction, right):
    assert sequence_accuracy([target], [prediction]) == {"sequence_accuracy": float(right)}


def test_any_of_several_answers_will_do():
    result = exact_match_any([["4", "four"], "7", ("x",), ["y"]], ["four", "8", "x", None])
    assert result == {"exact_match_any": 0.5}


@pytest.mark.parametrize(
    ("targets", "predictions", "expected"),
    [
        ([[1, 2, 3, 4]], [[1, 2, 9, 4]], 3 / 4),
        ([[1, 2]], [[1, 2, 3, 4]], 2 / 4),  # runs on
        ([[1, 2, 3, 4]], [[1]], 1 / 4),  # stops early
        ([[1], [2, 3, 4]], [[9], [2, 3, 4]], 3 / 4),  # by position, not by example
        (["the cat sat"], ["the dog sat"], 2 / 3),
        ([np.array([1, 2])], [[1, 2]], 1.0),
        ([[1, 2]], [None], 0.0),
        ([[], [1]], [[], [1]], 1.0),
    ],
)
def test_token_accuracy(targets, predictions, expected):
    assert token_accuracy(targets, predictions) == {"token_accuracy": pytest.approx(expected)}


@given(st.lists(st.tuples(st.text("ab", max_size=2), st.text("ab", max_size=2)), min_size=1))
@settings(max_examples=60, deadline=None)
def test_the_three_agree_with_counting(pairs):
    targets, predictions = (list(side) for side in zip(*pairs, strict=True))
    share = sum(target == prediction for target, prediction in pairs) / len(pairs)
    assert exact_match(targets, predictions)["exact_match"] == pytest.approx(share)
    letters = sequence_accuracy([list(t) for t in targets], [np.array(list(p), "U1") for p in predictions])
    assert letters["sequence_accuracy"] == pytest.approx(share)


METRICS = [exact_match, exact_match_any, sequence_accuracy, token_accuracy]


@pytest.mark.parametrize("metric", METRICS)
def test_an_evaluation_of_nothing_is_an_error(metric):
    with pytest.raises(errors.MetricError, match=f"{metric.__name__}: there are no examples"):
        metric([], [])


@pytest.mark.parametrize("metric", METRICS)
def test_numbers_of_targets_and_predictions_must_agree(metric):
    with pytest.raises(errors.MetricError, match=f"{metric.__name__}: 2 targets but 1 predictions"):
        metric(["a", "b"], ["a"])


@pytest.mark.parametrize("sides", [(["a"], [b"a"]), ([b"a"], ["a"]), (np.array([b"a"]), ["a"])])
def test_text_and_bytes_are_an_error_not_a_score_of_nothing(sides):
    with pytest.raises(errors.MetricError, match="text on one side and bytes on the other.*Decode"):
        exact_match(*sides)


def test_what_cannot_be_judged_is_named():
    with pytest.raises(errors.MetricError, match=r"example 1 has 7"):
        token_accuracy([[1], 7], [[1], [2]])
    with pytest.raises(errors.MetricError, match="no token in any target"):
        token_accuracy([""], [[]])
    with pytest.raises(errors.MetricError, match=r"target 1 must be a str or a non-empty sequence of str, found list"):
        exact_match_any(["a", []], ["a", "b"])
    with pytest.raises(errors.MetricError, match=r"prediction 0 must be a str, found int 3"):
        exact_match_any(["a"], [3])


def test_ten_thousand_texts_cost_well_under_a_microsecond_each():
    targets = [f"answer number {i}" for i in range(10_000)]
    predictions = [f"answer number {i - i % 2}" for i in range(10_000)]
    costs = []
    for _ in range(5):
        started = time.process_time()
        assert exact_match(targets, predictions) == {"exact_match": 0.5}
        costs.append(time.process_time() - started)
    assert min(costs) < 0.01
