"""Accuracy, the F1 family and Matthews' correlation, against their definitions spelt out."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from evalkit import errors
from evalkit.metrics import accuracy, binary_f1, f1_per_label, macro_f1, matthews, micro_f1, weighted_f1

LABELS = st.lists(st.tuples(st.sampled_from("abc"), st.sampled_from(["a", "b", "c", "x", None])), min_size=1)


def f1_by_hand(label, targets, predictions):
    pairs = list(zip(targets, predictions, strict=True))
    true_positive = sum(t == label and p == label for t, p in pairs)
    false_positive = sum(t != label and p == label for t, p in pairs)
    false_negative = sum(t == label and p != label for t, p in pairs)
    if not true_positive:
        return 0.0
    precision = true_positive / (true_positive + false_positive)
    recall = true_positive / (true_positive + false_negative)
    return 2 * precision * recall / (precision + recall)


def test_a_case_computed_by_hand():
    targets = ["cat", "cat", "cat", "dog", "dog", "cow"]
    predictions = ["cat", "cat", "dog", "dog", "cow", "cow"]
    assert accuracy(targets, predictions) == {"accuracy": pytest.approx(4 / 6)}
    assert f1_per_label(targets, predictions) == pytest.approx(
        {
            "precision/cat": 1.0, "recall/cat": 2 / 3, "f1/cat": 0.8,
            "precision/cow": 0.5, "recall/cow": 1.0, "f1/cow": 2 / 3,
            "precision/dog": 0.5, "recall/dog": 0.5, "f1/dog": 0.5,
        }
    )  # fmt: skip
    assert macro_f1(targets, predictions)["f1_macro"] == pytest.approx((0.8 + 2 / 3 + 0.5) / 3)
    assert weighted_f1(targets, predictions)["f1_weighted"] == pytest.approx((3 * 0.8 + 2 / 3 + 2 * 0.5) / 6)
    assert micro_f1(targets, predictions)["f1_micro"] == pytest.approx(4 / 6)


@given(LABELS)
@settings(max_examples=100, deadline=None)
def test_f1_agrees_with_its_definition(pairs):
    targets, predictions = (list(side) for side in zip(*pairs, strict=True))
    by_hand = {label: f1_by_hand(label, targets, predictions) for label in set(targets)}
    assert macro_f1(targets, predictions)["f1_macro"] == pytest.approx(sum(by_hand.values()) / len(by_hand))
    weighted = sum(by_hand[target] for target in targets) / len(targets)
    assert weighted_f1(targets, predictions)["f1_weighted"] == pytest.approx(weighted)
    per_label = f1_per_label(targets, predictions)
    for label, expected in by_hand.items():
        assert per_label[f"f1/{label}"] == pytest.approx(expected)
        assert binary_f1(targets, predictions, positive_label=label)["f1_binary"] == pytest.approx(expected)


@given(LABELS)
@settings(max_examples=60, deadline=None)
def test_micro_f1_is_accuracy_where_everything_is_answered(pairs):
    targets, predictions = ([x or "none" for x in side] for side in zip(*pairs, strict=True))
    assert micro_f1(targets, predictions)["f1_micro"] == pytest.approx(accuracy(targets, predictions)["accuracy"])


def test_micro_f1_with_missing_answers():
    # Precision 1 of 2, recall 1 of 4.
    assert micro_f1(["a", "a", "b", "b"], ["a", None, "a", None]) == {"f1_micro": pytest.approx(2 / 6)}


def test_garbage_predictions_are_mistakes_not_labels():
    """With scikit-learn's labels each new piece of garbage would lower the macro mean further."""
    targets = ["a", "b", "b"]
    assert macro_f1(targets, ["a", "foo", "bar"]) == macro_f1(targets, ["a", "foo", None])


@given(st.lists(st.tuples(st.sampled_from("abc"), st.sampled_from(["a", "b", "c", None])), min_size=2))
@settings(max_examples=100, deadline=None)
def test_matthews_is_the_correlation_of_indicator_vectors(pairs):
    """Gorodkin's definition: the covariance of one-hot vectors over the root of their variances."""
    targets, predictions = (list(side) for side in zip(*pairs, strict=True))
    if len(set(targets)) < 2:
        return
    classes = ["a", "b", "c", None]
    x, y = (np.array([[one == c for c in classes] for one in side], float) for side in (targets, predictions))
    x, y = x - x.mean(0), y - y.mean(0)
    scale = math.sqrt((x * x).sum() * (y * y).sum())
    expected = (x * y).sum() / scale if scale > 1e-12 else 0.0
    assert matthews(targets, predictions)["matthews_corrcoef"] == pytest.approx(expected, abs=1e-9)


def test_matthews_of_two_labels_is_the_phi_coefficient():
    targets, predictions = [1, 1, 1, 0, 0, 1, 0], [1, 0, 1, 0, 1, 1, 0]
    expected = np.corrcoef(targets, predictions)[0, 1]
    assert matthews(targets, predictions)["matthews_corrcoef"] == pytest.approx(expected)
    assert matthews(targets, [1] * 7) == {"matthews_corrcoef": 0.0}
    assert matthews(targets, targets) == {"matthews_corrcoef": pytest.approx(1.0)}


def test_labels_may_be_numpy_numbers():
    targets, predictions = np.array([0, 1, 1, 0]), np.array([0, 1, 0, 0])
    assert accuracy(targets, predictions) == {"accuracy": 0.75}
    assert binary_f1(targets, predictions) == {"f1_binary": pytest.approx(2 / 3)}


METRICS = [accuracy, binary_f1, macro_f1, micro_f1, weighted_f1, f1_per_label, matthews]


@pytest.mark.parametrize("metric", METRICS)
def test_empty_and_unequal_inputs_are_errors(metric):
    with pytest.raises(errors.MetricError, match=f"{metric.__name__}: there are no examples"):
        metric([], [])
    with pytest.raises(errors.MetricError, match=f"{metric.__name__}: 1 targets but 2 predictions"):
        metric([1], [1, 0])


@pytest.mark.parametrize("metric", METRICS[1:])
def test_labels_must_be_labels(metric):
    with pytest.raises(errors.MetricError, match=f"{metric.__name__}: labels must be hashable"):
        metric([[1]], [[1]])
    with pytest.raises(errors.MetricError, match=f"{metric.__name__}: target 1 is None"):
        metric([1, None], [1, 1])


def test_what_is_undefined_is_an_error_that_says_why():
    with pytest.raises(errors.MetricError, match=r"positive label 1; the labels are 'yes' \(2\), 'no' \(1\).*partial"):
        binary_f1(["yes", "no", "yes"], ["yes", "yes", "no"])
    with pytest.raises(errors.MetricError, match="matthews: all 2 targets are 'a'"):
        matthews(["a", "a"], ["a", "b"])
    with pytest.raises(errors.MetricError, match=r"two labels have the same text; the labels are 1 \(1\), '1' \(1\)"):
        f1_per_label([1, "1"], [1, "1"])
