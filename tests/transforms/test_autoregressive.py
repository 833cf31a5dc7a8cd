"""Decoder inputs are the targets one step late, in every sequence of a row for itself."""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st

from evalkit.errors import FeatureError
from evalkit.transforms import make_autoregressive_inputs, shift_right_by_one


def test_one_sequence_keeps_what_follows_its_end():
    assert make_autoregressive_inputs(tf.constant([3, 8, 9, 5, 1, 0, 0])).numpy().tolist() == [0, 3, 8, 9, 5, 1, 0]


def test_packed_sequences_each_begin_anew():
    targets = tf.constant([3, 8, 1, 9, 1, 5, 4, 1, 0, 0])
    segments = tf.constant([1, 1, 1, 2, 2, 3, 3, 3, 0, 0])
    assert make_autoregressive_inputs(targets, segments).numpy().tolist() == [0, 3, 8, 0, 9, 0, 5, 4, 0, 0]


def test_the_first_padding_of_a_packed_row_counts_as_a_beginning():
    inputs = make_autoregressive_inputs(tf.constant([3, 1, 9, 0, 0]), tf.constant([1, 1, 2, 0, 0]), bos_id=7)
    assert inputs.numpy().tolist() == [7, 3, 7, 7, 0]


def test_more_dimensions_are_shifted_along_the_first():
    targets = tf.constant([[3, 8], [9, 5], [1, 0]], tf.float32)
    inputs = make_autoregressive_inputs(targets, bos_id=7)
    assert inputs.numpy().tolist() == [[7, 7], [3, 8], [9, 5]]
    assert inputs.dtype == tf.float32


def test_the_dtype_of_the_result():
    targets = tf.constant([3.0, 8.0])
    assert make_autoregressive_inputs(targets, output_dtype=tf.int32).dtype == tf.int32
    assert make_autoregressive_inputs(targets, tf.constant([1, 1]), output_dtype=tf.int64).dtype == tf.int64


@pytest.mark.parametrize("dtype", [tf.int8, tf.uint16, tf.int64, tf.bfloat16, tf.float64])
def test_all_numbers_can_be_shifted(dtype):
    shifted = shift_right_by_one(tf.cast([1, 2, 3], dtype), bos_id=9)
    assert (shifted.dtype, tf.cast(shifted, tf.int32).numpy().tolist()) == (dtype, [9, 1, 2])


def test_an_empty_sequence_stays_empty():
    assert shift_right_by_one(tf.constant([], tf.int32), bos_id=9).shape == [0]


@pytest.mark.parametrize("targets", [tf.constant(["a"]), tf.constant([True])])
def test_what_is_not_a_number(targets):
    with pytest.raises(FeatureError, match=rf"Only numeric types are supported. Got: {targets.dtype.name}"):
        make_autoregressive_inputs(targets)


def test_segment_ids_that_are_not_integers():
    with pytest.raises(FeatureError, match=r"integer-valued .* Got float32, expected int32"):
        make_autoregressive_inputs(tf.constant([1]), tf.constant([1.0]))


def test_packed_targets_of_two_dimensions():
    with pytest.raises(FeatureError, match="Only 1-D sequences .* Got a packed 2-D sequence") as caught:
        make_autoregressive_inputs(tf.constant([[1, 2]]), tf.constant([[1, 1]]))
    assert caught.value.__notes__ == [
        "The targets have the shape (1, 2); make the inputs of each row by itself, or leave sequence_id out."
    ]


@settings(max_examples=40, deadline=None)
@given(st.lists(st.tuples(st.integers(1, 99), st.integers(1, 3)), min_size=1, max_size=12), st.integers(0, 5))
def test_packed_equals_each_sequence_for_itself(pairs, bos_id):
    pairs.sort(key=lambda pair: pair[1])
    targets, segments = np.array(pairs, np.int32).T
    expected = np.concatenate(
        [[bos_id, *targets[segments == segment][:-1]] for segment in np.unique(segments)]
    ).tolist()
    inputs = make_autoregressive_inputs(tf.constant(targets), tf.constant(segments), bos_id=bos_id)
    assert inputs.numpy().tolist() == expected
