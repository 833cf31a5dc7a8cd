"""Counts are whole: every example is of one kind."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evalkit.errors import ArgumentError, MetricError
from evalkit.metrics.counts import EvalCounts

NUMBERS = st.lists(st.integers(0, 50), min_size=6, max_size=6)


@given(NUMBERS)
def test_the_kinds_add_up_to_the_total(kinds):
    counts = EvalCounts(sum(kinds), *kinds)
    assert sum(counts.as_dict().values()) == 2 * counts.total
    with pytest.raises(ArgumentError, match="add up to the total"):
        EvalCounts(sum(kinds) + 1, *kinds)


@given(NUMBERS, NUMBERS)
def test_the_counts_of_two_evaluations_are_those_of_both(some, others):
    both = EvalCounts(sum(some), *some) + EvalCounts(sum(others), *others)
    assert both.total == sum(some) + sum(others)
    assert both.correct == some[0] + others[0]


def test_no_count_is_negative():
    with pytest.raises(ArgumentError, match="at least 0"):
        EvalCounts(1, correct=2, wrong=-1)


def test_what_a_mapping_says_nothing_of_is_not_judged():
    assert EvalCounts.of(5, {"correct": 3, "accuracy": 0.6}) == EvalCounts(5, correct=3, unjudged=2)
    assert EvalCounts.of(5, {}) == EvalCounts(5, unjudged=5)


@pytest.mark.parametrize("value", [-1, 0.5, "3", None])
def test_a_count_is_a_whole_number(value):
    with pytest.raises(MetricError, match="correct is a number of examples"):
        EvalCounts.of(5, {"correct": value})


def test_no_example_is_of_two_kinds():
    with pytest.raises(MetricError, match=r"5 examples, and counts of 6"):
        EvalCounts.of(5, {"correct": 3, "wrong": 3})
