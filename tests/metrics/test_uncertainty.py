"""Any per-example metric with its uncertainty."""

from __future__ import annotations

import math
import pickle
import time

import pytest

from evalkit import errors
from evalkit.metrics import (
    MetricFunction,
    ModelOutputType,
    estimate_mean,
    exact_match,
    squad_word_f1,
    with_uncertainty,
)


def same(target, prediction):
    return target == prediction


def surprise(target, score):
    return -score


TARGETS = ["a", "b", "c", "d", "e"]
PREDICTIONS = ["a", "b", "x", "d", "y"]


def test_the_mean_comes_with_error_interval_and_n():
    result = with_uncertainty(same)(TARGETS, PREDICTIONS)
    assert result["same"] == exact_match(TARGETS, PREDICTIONS)["exact_match"] == 0.6
    estimate = estimate_mean([1, 1, 0, 1, 0])
    assert result == {
        "same": 0.6,
        "same_stderr": estimate.stderr,
        "same_ci95_low": estimate.low,
        "same_ci95_high": estimate.high,
        "same_n": 5,
    }


def test_it_is_a_metric_function_that_tasks_accept():
    assert MetricFunction(with_uncertainty(same)).model_output_type is ModelOutputType.PREDICTION
    by_score = MetricFunction(with_uncertainty(surprise))
    assert by_score.model_output_type is ModelOutputType.SCORE
    assert by_score(targets=["a", "b"], scores=[-1.0, -3.0])["surprise"] == 2.0
    assert (by_score.name, MetricFunction(with_uncertainty(same, "em")).name) == ("surprise", "em")


def test_ready_made_per_example_metrics_fit():
    assert with_uncertainty(squad_word_f1)(["the cat", "dog"], ["a cat", "dog"])["squad_word_f1"] == 1.0


def test_the_plan_is_passed_on():
    metric = with_uncertainty(same, "em", confidence=0.9, resamples=200, seed=3, group_fn=lambda target: target < "c")
    result = metric(TARGETS, PREDICTIONS)
    expected = estimate_mean(
        [1, 1, 0, 1, 0], groups=[True, True, False, False, False], confidence=0.9, resamples=200, seed=3
    )
    assert result == expected.as_metrics("em")


def test_order_does_not_matter():
    metric = with_uncertainty(same)
    assert metric(TARGETS, PREDICTIONS) == metric(TARGETS[::-1], PREDICTIONS[::-1])


def test_it_pickles():
    metric = with_uncertainty(same)
    assert pickle.loads(pickle.dumps(metric)) == metric


def broken_on_c(target, prediction):
    if target == "c":
        raise KeyError("c")
    return math.nan if target == "d" else 1.0


def test_a_function_that_fails_is_named_with_the_example():
    with pytest.raises(errors.MetricError, match="broken_on_c raised KeyError for example 2: 'c'") as caught:
        with_uncertainty(broken_on_c)(TARGETS, PREDICTIONS)
    assert isinstance(caught.value.__cause__, KeyError)
    with pytest.raises(errors.MetricError, match="broken_on_c: value of example 1 is nan"):
        with_uncertainty(broken_on_c)(["a", "d"], ["a", "d"])


@pytest.mark.parametrize(
    ("targets", "predictions", "message"),
    [
        ([], [], "same: there are no examples"),
        (["a"], ["a"], "at least 2 values, found 1"),
        (["a", "b"], ["a"], "same: 2 targets but 1 predictions"),
    ],
)
def test_too_few_examples_are_an_error(targets, predictions, message):
    with pytest.raises(errors.MetricError, match=message):
        with_uncertainty(same)(targets, predictions)


def test_a_plan_that_cannot_be_is_refused_at_once():
    with pytest.raises(errors.ArgumentError, match="confidence must be between 0 and 1"):
        with_uncertainty(same, confidence=95)


def test_ten_thousand_examples_cost_a_few_microseconds_each():
    targets, predictions = ["a"] * 10_000, ["a", "b"] * 5_000
    started = time.process_time()
    with_uncertainty(same)(targets, predictions)
    assert time.process_time() - started < 0.1
