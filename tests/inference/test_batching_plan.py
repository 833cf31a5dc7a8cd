"""Which rows make a batch."""

from __future__ import annotations

import time

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from evalkit.errors import ArgumentError, RowError
from evalkit.inference.batching_plan import plan_batches
from evalkit.inference.ladder import Ladder
from tests.inference.length_mix import LONGEST, NUM_ROWS, mixed_lengths

LENGTHS = st.lists(st.integers(0, 100), max_size=80)
LADDERS = st.builds(
    Ladder,
    lengths=st.sets(st.integers(1, 99), max_size=12).map(lambda lengths: (*sorted(lengths), 100)),
    token_budget=st.integers(1, 2_000),
    row_multiple=st.sampled_from([1, 2, 3, 8]),
    max_shapes=st.integers(1, 6),
)


def check_plan(plan, lengths, ladder, input_lengths=None):
    """What holds for every plan."""
    indices = np.concatenate([batch.indices for batch in plan.batches] or [np.zeros(0, np.int32)])
    assert sorted(indices[indices >= 0].tolist()) == list(range(len(lengths)))
    assert set(indices[indices < 0].tolist()) <= {-1}
    assert len(plan.shapes) <= ladder.max_shapes
    for batch in plan.batches:
        real = batch.indices[batch.indices >= 0]
        a_row = batch.length + batch.input_length
        assert batch.indices.dtype == np.int32
        assert len(real)
        assert set(batch.rows.tolist()) == set(real.tolist())
        assert batch.length in ladder.lengths
        assert batch.length >= np.take(lengths, real).max()
        if input_lengths is not None:
            assert batch.input_length in ladder.input_lengths
            assert batch.input_length >= np.take(input_lengths, real).max()
        assert len(batch.indices) % ladder.row_multiple == 0
        assert batch.tokens <= ladder.token_budget or len(batch.indices) == ladder.row_multiple
        halved = {ladder.fewest_rows(a_row, rows) for rows in range(1, len(batch.indices) + 1)}
        assert len(batch.indices) in {*ladder.row_counts(a_row), *halved}
    assert plan.real_tokens == sum(lengths) + sum(input_lengths or [])


@given(LENGTHS, LADDERS)
def test_every_row_is_in_one_batch_that_has_room_for_it(lengths, ladder):
    plan = plan_batches(lengths, ladder)
    check_plan(plan, lengths, ladder)
    fillers = [int((batch.indices < 0).sum()) for batch in plan.batches]
    assert not any(fillers[:-1])  # only the last batch is not full
    padded = [batch.length for batch in plan.batches]
    assert padded == sorted(padded, reverse=True)


@given(st.lists(st.tuples(st.integers(0, 100), st.integers(0, 100)), max_size=60), LADDERS)
def test_rows_with_inputs(pairs, ladder):
    lengths, inputs = [pair[0] for pair in pairs], [pair[1] for pair in pairs]
    both = Ladder(ladder.lengths, ladder.token_budget, ladder.row_multiple, ladder.max_shapes, (10, 50, 100))
    check_plan(plan_batches(lengths, both, inputs), lengths, both, inputs)


@given(LENGTHS, LADDERS, st.randoms(use_true_random=False))
def test_the_order_of_the_rows_changes_only_their_names(lengths, ladder, random):
    order = list(range(len(lengths)))
    random.shuffle(order)
    plan, other = plan_batches(lengths, ladder), plan_batches([lengths[i] for i in order], ladder)

    def as_lengths(plan, lengths):
        return [(batch.shape, [lengths[i] if i >= 0 else -1 for i in batch.indices]) for batch in plan.batches]

    assert as_lengths(plan, lengths) == as_lengths(other, [lengths[i] for i in order])


@given(LENGTHS, LADDERS)
@settings(max_examples=30)
def test_more_shapes_never_cost_more_than_one(lengths, ladder):
    one = Ladder(ladder.lengths, ladder.token_budget, ladder.row_multiple, 1)
    # A batch and a shape count as a share of the budget, so tokens alone may be a little more.
    slack = ladder.token_budget / 16 * len(plan_batches(lengths, one).batches)
    assert plan_batches(lengths, ladder).tokens <= plan_batches(lengths, one).tokens + slack


def test_the_mix_is_what_it_says():
    lengths = mixed_lengths()
    assert len(lengths) == NUM_ROWS == 1_800
    assert lengths.max() == LONGEST == 566
    assert round(float(lengths.mean())) == 105
    assert round(float(np.percentile(lengths, 95))) == 237


@pytest.mark.parametrize(
    ("token_budget", "row_multiple", "least"),
    [(4_096, 1, 0.85), (4_096, 8, 0.84), (16_384, 1, 0.82), (16_384, 8, 0.81)],
)
def test_little_is_padding(token_budget, row_multiple, least):
    """Real tokens over all tokens, filler included; the bars are 0.80 and 0.75."""
    lengths = mixed_lengths()
    plan = plan_batches(lengths, Ladder.up_to(1024, token_budget=token_budget, row_multiple=row_multiple))
    assert plan.efficiency == lengths.sum() / sum(len(b.indices) * b.length for b in plan.batches)
    assert plan.efficiency >= least
    assert len(plan.shapes) <= 10
    assert len(plan.batches) <= 1.35 * np.ceil(plan.tokens / token_budget) + 1  # and batches are not small


def test_a_batch_is_as_good_as_full_where_rows_are_equal():
    plan = plan_batches([64] * 640, Ladder.up_to(64, token_budget=4096))
    assert [batch.shape for batch in plan.batches] == [(64, 64, 0)] * 10
    assert plan.efficiency == 1.0


def test_a_second_set_of_rows_reuses_most_shapes():
    ladder = Ladder.up_to(1024)
    first, second = (plan_batches(mixed_lengths(seed), ladder) for seed in (62, 119))
    assert len(set(first.shapes) & set(second.shapes)) >= 4


def test_planning_is_quick():
    lengths = np.tile(mixed_lengths(), 56)[:100_000]
    for token_budget in (4_096, 65_536):
        begin = time.process_time()
        plan_batches(lengths, Ladder.up_to(1024, token_budget=token_budget))
        assert time.process_time() - begin < 1.0


def test_no_rows():
    plan = plan_batches([], Ladder.up_to(64))
    assert plan.batches == () and plan.shapes == () and plan.tokens == 0 and plan.efficiency == 1.0
    assert plan_batches([], Ladder.up_to(64, max_input_length=8), []).batches == ()


def test_one_row_and_eight_devices():
    [batch] = plan_batches([5], Ladder.up_to(64, row_multiple=8)).batches
    assert batch.indices.tolist() == [0] + [-1] * 7
    assert batch.rows.tolist() == [0] * 8
    assert batch.length == 8


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        (([3, 65, 99], Ladder.up_to(64)), RowError, "The row 1 has 65 tokens; the ladder goes to 64"),
        (([3, -1], Ladder.up_to(64)), ArgumentError, "Lengths must be whole numbers, at least 0"),
        (([0.5], Ladder.up_to(64)), ArgumentError, "Lengths must be whole numbers.*found float64"),
        (([[3]], Ladder.up_to(64)), ArgumentError, r"Lengths must be .*of shape \(1, 1\)"),
        (([3], Ladder.up_to(64), [3]), ArgumentError, r"belong together .*found some of rows, \(\) of the ladder"),
        (([3], Ladder.up_to(64, max_input_length=8)), ArgumentError, "belong together .*found none of rows, .8,."),
        (([3], Ladder.up_to(64, max_input_length=8), [9]), RowError, "The inputs of row 0 has 9 tokens"),
        (([3], Ladder.up_to(64, max_input_length=8), [1, 2]), ArgumentError, "found 1 rows and 2 inputs"),
    ],
)
def test_what_cannot_be_planned(arguments, error, message):
    with pytest.raises(error, match=message):
        plan_batches(*arguments)
