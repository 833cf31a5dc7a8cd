"""Standard errors and intervals: against closed forms, simulation, and other orders of the examples."""

from __future__ import annotations

import math
import tracemalloc

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from evalkit import errors
from evalkit.metrics import (
    Estimate,
    bootstrap,
    estimate_mean,
    paired_difference,
    proportion_standard_error,
    standard_error,
    wilson_interval,
)

RANDOM = np.random.default_rng(3)


def test_the_standard_error_of_a_mean_is_s_over_root_n():
    values = [1.0, 2.0, 4.0, 9.0]
    assert standard_error(values) == pytest.approx(np.std(values, ddof=1) / 2)


@given(st.lists(st.tuples(st.floats(-5, 5), st.integers(0, 4)), min_size=2, max_size=30))
@settings(max_examples=60, deadline=None)
def test_the_clustered_error_is_millers_double_sum(examples):
    """Var = Σ over pairs of one group of (x - mean)(y - mean) / n², times G / (G - 1)."""
    values, groups = zip(*examples, strict=True)
    if len(set(groups)) < 2:
        return
    mean, n, found = np.mean(values), len(values), len(set(groups))
    pairs = [(x - mean) * (y - mean) for x, g in examples for y, h in examples if g == h]
    expected = math.sqrt(max(sum(pairs), 0.0) / n**2 * found / (found - 1))
    assert standard_error(values, groups) == pytest.approx(expected, abs=1e-6)


def test_a_group_for_each_value_is_no_grouping():
    values = RANDOM.normal(size=50)
    assert standard_error(values, range(50)) == pytest.approx(standard_error(values))


def test_values_that_belong_together_are_less_evidence():
    values = np.repeat(RANDOM.normal(size=40), 5)
    assert standard_error(values, np.arange(200) // 5) > 2 * standard_error(values)


@pytest.mark.parametrize(
    "values",
    [RANDOM.normal(size=400), RANDOM.integers(0, 2, 400), RANDOM.exponential(size=400)],
    ids=["normal", "right or wrong", "skewed"],
)
def test_the_bootstrap_error_of_a_mean_is_within_5_percent_of_the_closed_form(values):
    means = bootstrap.means(np.sort(values).astype(float), np.ones(400, np.int64), resamples=20_000, seed=1)
    assert np.std(means) == pytest.approx(standard_error(values), rel=0.05)


def test_the_clustered_bootstrap_agrees_with_the_closed_form():
    groups = np.repeat(np.arange(100), RANDOM.integers(1, 8, 100))
    values = RANDOM.normal(size=100)[groups] + RANDOM.normal(size=len(groups))
    sums, sizes = np.bincount(groups, weights=values), np.bincount(groups)
    means = bootstrap.means(sums, sizes, resamples=20_000, seed=2)
    assert np.std(means) == pytest.approx(standard_error(values, groups), rel=0.05)


@pytest.mark.parametrize("share", [0.3, 0.5])
def test_95_percent_intervals_hold_the_truth_95_times_in_100(share):
    random, held = np.random.default_rng(17), 0
    for trial in range(1000):
        estimate = estimate_mean(random.random(300) < share, resamples=500, seed=trial)
        held += estimate.low <= share <= estimate.high
    assert 930 <= held <= 970


def test_wilson_intervals_hold_the_truth_even_near_one():
    random = np.random.default_rng(5)
    intervals = [wilson_interval(int((random.random(60) < 0.97).sum()), 60) for _ in range(2000)]
    assert 0.93 <= np.mean([low <= 0.97 <= high for low, high in intervals]) <= 0.985


def test_wilson_against_published_numbers():
    # Newcombe 1998, table I: 81 of 263, 15 of 148, 0 of 20, 1 of 29.
    published = [(81, 263, 0.2553, 0.3662), (15, 148, 0.0624, 0.1605), (0, 20, 0, 0.1611), (1, 29, 0.0061, 0.1718)]
    for right, n, low, high in published:
        assert wilson_interval(right, n) == pytest.approx((low, high), abs=1e-4)


def test_the_error_of_a_share():
    assert proportion_standard_error(30, 100) == pytest.approx(math.sqrt(0.3 * 0.7 / 100))


def test_same_seed_same_numbers_other_seed_other_numbers():
    values = RANDOM.normal(size=100)
    assert estimate_mean(values, seed=4) == estimate_mean(values, seed=4)
    assert estimate_mean(values, seed=4).low != estimate_mean(values, seed=5).low


@given(st.lists(st.tuples(st.floats(-1e6, 1e6), st.sampled_from("abc")), min_size=3, max_size=40), st.integers(0, 9))
@settings(max_examples=60, deadline=None)
def test_the_order_of_examples_changes_nothing(examples, seed):
    shuffled = [examples[i] for i in np.random.default_rng(seed).permutation(len(examples))]

    def estimate(rows, grouped):
        groups = [group for _, group in rows] if grouped else None
        return estimate_mean([value for value, _ in rows], groups=groups, resamples=50, seed=seed)

    assert estimate(examples, grouped=False) == estimate(shuffled, grouped=False)
    if len({group for _, group in examples}) > 1:
        assert estimate(examples, grouped=True) == estimate(shuffled, grouped=True)


def test_an_estimate_carries_its_n():
    estimate = estimate_mean([1, 0, 1, 1], groups=["a", "a", "b", "b"], confidence=0.9)
    assert (estimate.n, estimate.groups, estimate.confidence) == (4, 2, 0.9)
    assert isinstance(estimate, Estimate)
    assert set(estimate.as_metrics("em")) == {"em", "em_stderr", "em_ci90_low", "em_ci90_high", "em_n"}
    assert estimate.as_metrics("em")["em_n"] == 4


def test_many_values_are_resampled_in_bounded_memory():
    values = RANDOM.normal(size=200_000)
    tracemalloc.start()
    estimate_mean(values, resamples=40)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 100e6  # all draws at once would be 64 MB of indices and as much again of values


def test_a_paired_difference_is_that_of_each_example_with_itself():
    hard = RANDOM.normal(size=500)
    first = {f"e{i}": hard[i] + 0.1 + 0.01 * RANDOM.normal() for i in range(500)}
    second = {f"e{i}": hard[i] + 0.01 * RANDOM.normal() for i in reversed(range(500))}
    estimate = paired_difference(first, second)
    assert estimate.low < estimate.mean < estimate.high
    assert estimate.mean == pytest.approx(0.1, abs=0.005)
    assert estimate.stderr < standard_error(list(first.values())) / 10
    assert estimate.n == 500
    assert paired_difference(first, dict(reversed(second.items()))) == estimate


def test_paired_examples_may_be_grouped():
    first = {i: float(i % 3) for i in range(30)}
    second = dict.fromkeys(range(30), 1.0)
    groups = {i: i // 10 for i in range(40)}  # more ids than the runs have
    assert paired_difference(first, second, groups=groups).groups == 3


@pytest.mark.parametrize(
    ("compute", "message"),
    [
        (lambda: standard_error([1.0]), "needs at least 2 values, found 1"),
        (lambda: standard_error([1.0, 2.0], ["a", "a"]), "needs at least 2 groups; all 2 values are in one"),
        (lambda: standard_error([1.0, math.nan]), "value 1 is nan"),
        (lambda: standard_error([1.0, 2.0], ["a"]), "2 values but 1 groups"),
        (lambda: proportion_standard_error(3, 2), "3 right of 2 is no share"),
        (lambda: wilson_interval(0, 0), "0 right of 0 is no share"),
        (lambda: paired_difference({"a": 1.0, "b": 2.0}, {"b": 1.0, "c": 1.0}), r"1 are only in the former.*'a'.*'c'"),
        (lambda: paired_difference({1: 1.0, 2: 2.0}, {1: 1.0, 2: 1.0}, groups={1: "x"}), r"`groups` must name.*\[2\]"),
        (lambda: paired_difference({1: 1.0, 2: math.nan}, {1: 1.0, 2: 1.0}), "value of the first run 1 is nan"),
    ],
)
def test_what_cannot_be_estimated_is_an_error(compute, message):
    with pytest.raises(errors.MetricError, match=message):
        compute()


@pytest.mark.parametrize(
    ("plan", "message"),
    [
        ({"confidence": 95}, "confidence must be between 0 and 1, found 95"),
        ({"confidence": 0.0}, "confidence must be between 0 and 1"),
        ({"resamples": 0}, "resamples must be at least 1, found 0"),
    ],
)
def test_a_plan_that_cannot_be_is_refused(plan, message):
    with pytest.raises(errors.ArgumentError, match=message):
        estimate_mean([1.0, 2.0], **plan)
