from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from evalkit.errors import ArgumentError
from evalkit.inference.measures import bits_per_byte, choose, means, perplexity, pointwise_information, utf8_bytes


def test_the_perplexity_of_a_corpus_is_not_the_mean_of_those_of_documents():
    sums, counts = [-2 * math.log(4), -8 * math.log(2)], [2, 8]
    assert perplexity(sums, counts) == pytest.approx(2 ** (12 / 10))
    assert np.exp(-means(sums, counts)).mean() == pytest.approx(3)


def test_perplexity_that_no_float_holds_is_infinite():
    assert perplexity([-1e6], [1]) == math.inf
    assert perplexity([-709.0], [1]) == pytest.approx(math.exp(709))


def test_bits_per_byte():
    assert bits_per_byte([-6 * math.log(2), -2 * math.log(2)], utf8_bytes(["né", "x"])) == pytest.approx(2.0)


@pytest.mark.parametrize("measure", [perplexity, bits_per_byte])
def test_measures_of_nothing(measure):
    with pytest.raises(ArgumentError, match="No (token was scored|byte is in the texts): there is nothing"):
        measure([], [])


def test_means_name_what_is_wrong():
    with pytest.raises(ArgumentError, match="the size of row 1 is 0"):
        means([-1.0, -2.0], [2, 0])
    with pytest.raises(ArgumentError, match="one size a sum"):
        means([-1.0, -2.0], [2])


def test_pointwise_information():
    assert pointwise_information([-3.0, -5.0], [-1.0, -6.0]).tolist() == [-2.0, 1.0]
    with pytest.raises(ArgumentError, match="two sums a row"):
        pointwise_information([-3.0], [-1.0, -6.0])


def test_choices_with_ties():
    choices = choose([-3, -1, -2, -5, -5, -7, -4], [3, 3, 1])
    assert choices.best.tolist() == [1, 0, 0]
    assert choices.num_best.tolist() == [1, 2, 1]
    assert choices.tie_rate == pytest.approx(1 / 3)
    assert choices.credit([1, 1, 0]).tolist() == [1.0, 0.5, 1.0]
    assert choices.credit([0, 2, 0]).tolist() == [0.0, 0.0, 1.0]


def test_impossible_continuations_may_be_compared():
    choices = choose([-math.inf, -math.inf, -1.0, -math.inf], [2, 2])
    assert choices.best.tolist() == [0, 0]
    assert choices.num_best.tolist() == [2, 1]


@given(st.lists(st.lists(st.integers(-3, 0), min_size=1, max_size=5), min_size=1, max_size=5), st.randoms())
def test_the_place_of_the_right_choice_gives_no_advantage(questions, random):
    sizes = [len(values) for values in questions]
    gold = [random.randrange(size) for size in sizes]
    credit = choose(np.concatenate(questions), sizes).credit(gold)
    for values, right, given_credit in zip(questions, gold, credit, strict=True):
        best = [place for place, value in enumerate(values) if value == max(values)]
        assert given_credit == pytest.approx(1 / len(best) if right in best else 0)


@pytest.mark.parametrize(
    ("values", "sizes", "message"),
    [
        ([], [], "there is no question"),
        ([1.0], [1, 0], "question 1 has 0"),
        ([1.0, 2.0], [1], "1 choices, and there are 2 values"),
        ([1.0, math.nan], [2], "Value 1 of 2 is NaN"),
    ],
)
def test_choices_that_cannot_be_made(values, sizes, message):
    with pytest.raises(ArgumentError, match=message):
        choose(values, sizes)


def test_right_choices_that_do_not_exist():
    choices = choose([-1.0, -2.0], [2])
    with pytest.raises(ArgumentError, match="Question 0 has 2 choices, and no choice 2"):
        choices.credit([2])
    with pytest.raises(ArgumentError, match="one right choice a question, 1"):
        choices.credit([0, 1])
