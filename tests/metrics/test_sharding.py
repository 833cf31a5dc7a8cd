"""Padding rows and (shard, position) ids, for outputs of every make."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from evalkit import errors
from evalkit.columns import Ragged
from evalkit.metrics import globally_sort_model_output, remove_padding_examples
from evalkit.metrics.rows import concatenate_rows, count_rows, take_rows
from evalkit.metrics.sharding import check_each_once

INDICES = np.array([[1, 0], [0, 1], [0, 0], [0, 0]])
MASK = np.array([1, 1, 0, 1])


def rows_of(output):
    """Any make of rows as plain lists, to compare with."""
    if isinstance(output, Ragged):
        return [output.row(i).tolist() for i in range(output.num_rows)]
    return [np.asarray(row).tolist() for row in output]


@pytest.mark.parametrize(
    "output",
    [
        np.array([[7, 8], [5, 6], [0, 0], [3, 4]]),
        [[7], [5, 6], [], [3, 4, 1]],
        [np.array([7]), np.array([5, 6]), np.array([], int), np.array([3, 4, 1])],
        ["seven", "five", "", "three"],
        Ragged.from_rows([[7], [5, 6], [], [3, 4, 1]]),
        [[[7], [8, 9]], [[5], [6]], [[], []], [[3], [4]]],
    ],
    ids=["array", "ragged lists", "ragged arrays", "text", "Ragged", "top-k"],
)
def test_padding_goes_and_the_rest_is_sorted_by_shard_and_position(output):
    before = rows_of(output) if not isinstance(output, list) else output
    indices, kept = remove_padding_examples(output, INDICES, MASK)
    assert indices.tolist() == [[1, 0], [0, 1], [0, 0]]
    after = globally_sort_model_output(kept, indices)
    assert type(after) is type(output)
    expected = [before[3], before[1], before[0]]
    assert (rows_of(after) if not isinstance(output, list) else after) == expected


def test_auxiliary_values_go_with_their_rows():
    output = ([[7], [5, 6], [], [3]], {"scores": np.array([0.7, 0.5, 0.0, 0.3]), "texts": ["7", "5", "", "3"]})
    indices, kept = remove_padding_examples(output, INDICES, MASK == 1)
    tokens, aux = globally_sort_model_output(kept, indices)
    assert tokens == [[3], [5, 6], [7]]
    assert aux["scores"].tolist() == [0.3, 0.5, 0.7]
    assert aux["texts"] == ["3", "5", "7"]


def test_arrays_of_a_device_are_accepted():
    jnp = pytest.importorskip("jax.numpy")
    result = globally_sort_model_output(jnp.array([[1], [2]]), jnp.array([[0, 1], [0, 0]]))
    assert isinstance(result, np.ndarray)
    assert result.tolist() == [[2], [1]]


@given(st.lists(st.tuples(st.integers(0, 3), st.lists(st.integers(0, 9), max_size=4), st.booleans()), min_size=1))
@settings(max_examples=50, deadline=None)
def test_padding_and_order_never_change_a_row(examples):
    """Rows that are scattered, padded and brought back are the rows from before."""
    kept = [row for _, row, real in examples if real]
    shards = sorted(shard for shard, _, real in examples if real)
    positions = [shards[:i].count(shard) for i, shard in enumerate(shards)]
    indices, rows, mask = [], [], []
    real_rows = iter(zip(shards, positions, kept, strict=True))
    for _, row, real in examples:
        shard, position, content = next(real_rows) if real else (0, -1, row)
        indices.append([shard, position])
        rows.append(content)
        mask.append(real)
    scatter = np.random.default_rng(len(examples)).permutation(len(rows))
    pruned = remove_padding_examples([rows[i] for i in scatter], np.array(indices)[scatter], np.array(mask)[scatter])
    assert globally_sort_model_output(pruned[1], pruned[0]) == kept


@pytest.mark.parametrize(
    ("output", "indices", "mask", "message"),
    [
        ([1, 2], INDICES, MASK, "has 2 rows, but mask has 4"),
        ([1, 2, 3, 4], INDICES[:2], MASK, r"shape \[4, 2\].*shape \[2, 2\]"),
        ([1, 2, 3, 4], INDICES[:, 0], MASK, r"found int64 of shape \[4\]"),
        ([1, 2, 3, 4], INDICES * 1.0, MASK, "found float64"),
        (([1, 2, 3, 4], {"aux": [1]}), INDICES, MASK, r"model_output\[1\]\['aux'\] has 1"),
        (7, INDICES, MASK, "model_output must have one row per example; found 7"),
    ],
)
def test_numbers_of_rows_that_differ_are_refused(output, indices, mask, message):
    with pytest.raises(errors.MetricError, match=message):
        remove_padding_examples(output, indices, mask)


def test_sorting_checks_the_number_of_rows():
    with pytest.raises(errors.MetricError, match="has 3 rows, but indices_2d has 4"):
        globally_sort_model_output([1, 2, 3], INDICES)


def test_each_example_once():
    check_each_once(np.array([[0, 0], [1, 0]]), 2)
    with pytest.raises(errors.MetricError, match=r"1 examples were collected more than once.*\(0, 0\)"):
        check_each_once(INDICES, 4)
    with pytest.raises(errors.MetricError, match="Outputs of 3 examples were collected, but the data set has 5"):
        check_each_once(INDICES[:3], 5)


def test_batches_padded_to_different_lengths_become_rows():
    joined = concatenate_rows([np.array([[1, 2]]), np.array([[3, 4, 5]])])
    assert [row.tolist() for row in joined] == [[1, 2], [3, 4, 5]]
    mixed = concatenate_rows([Ragged.from_rows([[1], [2, 3]]), [[4]]])
    assert [list(row) for row in mixed] == [[1], [2, 3], [4]]


def test_views_of_ragged_rows_are_joined_by_content():
    whole = Ragged.from_rows([[1], [2, 3], [], [4]])
    joined = concatenate_rows([take_rows(whole, np.array([3, 1])), take_rows(whole, np.array([2]))])
    assert rows_of(joined) == [[4], [2, 3], []]
    assert count_rows(joined) == 3


@pytest.mark.parametrize(
    ("outputs", "message"),
    [
        ([[1], ([1], {})], r"the first is rows \(list\), number 1 is a tuple of 2"),
        ([([1], {"a": [1]}), ([1], {"b": [1]})], r"a mapping of \['a'\].*a mapping of \['b'\]"),
        ([([1],), [1]], "a tuple of 1, number 1 is rows"),
    ],
)
def test_outputs_of_different_make_are_not_joined(outputs, message):
    with pytest.raises(errors.MetricError, match=message):
        concatenate_rows(outputs)
