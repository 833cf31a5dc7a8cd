"""Every prompt is in one pool, in slots that are long enough, of few shapes."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from evalkit.inference.generation_plan import plan_pools
from evalkit.inference.ladder import Ladder

LADDER = Ladder.up_to(200, token_budget=2048, max_input_length=100)


@settings(max_examples=60, deadline=None)
@given(
    fed=st.lists(st.integers(0, 180), max_size=120),
    max_new=st.integers(1, 256),
    samples=st.integers(1, 4),
    shards=st.sampled_from([1, 2, 8]),
    with_inputs=st.booleans(),
)
def test_pools_hold_every_prompt_once(fed, max_new, samples, shards, with_inputs):
    ladder = Ladder(LADDER.lengths, 2048, shards, input_lengths=LADDER.input_lengths)
    lengths = np.array(fed, np.int64)
    inputs = (lengths * 7) % 100 + 1 if with_inputs else None
    pools = plan_pools(lengths, ladder, max_new=max_new, samples=samples, input_lengths=inputs)
    chunks = [(pool, chunk) for pool in pools for chunk in pool.chunks]
    found = np.concatenate([chunk.indices for _, chunk in chunks] or [np.zeros(0, np.int32)])
    assert sorted(found[found >= 0]) == list(range(len(fed)))
    for pool, chunk in chunks:
        chosen = chunk.indices[chunk.indices >= 0]
        assert len(chosen)
        assert len(chunk.indices) == pool.chunk_rows <= pool.slots
        assert pool.slots % shards == 0 and pool.chunk_rows % shards == 0
        assert lengths[chosen].max() <= chunk.length <= pool.length
        assert np.minimum(lengths[chosen] + max_new, 200).max() <= pool.length
        assert pool.slots * (pool.length + pool.input_length) <= max(2048, shards * 300)
        if inputs is None:
            assert pool.input_length == 0
        else:
            assert inputs[chosen].max() <= pool.input_length
    groups = len({pool.input_length for pool in pools})
    assert len(pools) <= max(groups, 1) * 6
    assert len({(pool.length, pool.input_length, chunk.length) for pool, chunk in chunks}) <= max(groups, 1) * 14


def test_prompts_of_one_token_need_no_reading():
    [pool] = plan_pools(np.zeros(5, np.int64), LADDER, max_new=16)
    assert {chunk.length for chunk in pool.chunks} == {0}


def test_a_pool_takes_what_needs_more_than_half_of_its_length():
    lengths = np.array([190] * 20 + [100] * 20 + [20] * 100)
    pools = plan_pools(lengths, LADDER, max_new=8)
    assert [(pool.length, pool.slots) for pool in pools] == [(200, 10), (28 + 4, 64)]
    assert [sum((chunk.indices >= 0).sum() for chunk in pool.chunks) for pool in pools] == [40, 100]


def test_what_does_not_fill_a_batch_goes_with_longer_ones():
    lengths = np.array([190] * 20 + [20] * 3)
    assert len(plan_pools(lengths, LADDER, max_new=8)) == 1


def test_there_are_no_more_slots_than_rows_need():
    [pool] = plan_pools(np.array([20, 20, 20]), LADDER, max_new=8)
    assert pool.slots == 4
    [pool] = plan_pools(np.array([20, 20, 20]), LADDER, max_new=8, samples=10)
    assert pool.slots == 32
