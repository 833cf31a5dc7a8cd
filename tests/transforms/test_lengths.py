"""Cutting and padding: exactly the length that was asked for, other features untouched."""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st

from evalkit.errors import FeatureError
from evalkit.transforms import trim_and_pad_dataset, trim_dataset


def dataset_of(example, shapes=None):
    """A dataset of one example, whose static shapes are unknown unless given."""
    spec = {
        name: tf.TensorSpec((shapes or {}).get(name, [None] * np.ndim(value)), np.asarray(value).dtype)
        for name, value in example.items()
    }
    return tf.data.Dataset.from_generator(lambda: iter([example]), output_signature=spec)


def only(dataset):
    (example,) = dataset.as_numpy_iterator()
    return {name: value.tolist() if hasattr(value, "tolist") else value for name, value in example.items()}


def test_trimming_cuts_output_features_and_nothing_else():
    example = {"inputs": [1, 2, 3], "targets": [4, 5, 6], "meta": [7, 8, 9], "short": [1]}
    lengths = {"inputs": 2, "meta": 1, "short": 5, "absent": 1}
    trimmed = trim_dataset(dataset_of(example), lengths, {"inputs", "targets", "short", "absent"})
    assert only(trimmed) == {"inputs": [1, 2], "targets": [4, 5, 6], "meta": [7, 8, 9], "short": [1]}


@pytest.mark.parametrize("lengths", [None, {}, {"inputs": None}])
def test_trimming_to_no_length_changes_nothing(lengths):
    dataset = dataset_of({"inputs": [1, 2, 3]})
    assert trim_dataset(dataset, lengths, {"inputs"}) is dataset


def test_trimming_several_dimensions():
    example = {"inputs": np.arange(12, dtype=np.int32).reshape(3, 4)}
    assert only(trim_dataset(dataset_of(example), {"inputs": (2, None)}, {"inputs"})) == {
        "inputs": [[0, 1, 2, 3], [4, 5, 6, 7]]
    }
    assert only(trim_dataset(dataset_of(example), {"inputs": [2, 1]}, {"inputs"})) == {"inputs": [[0], [4]]}


def test_trimming_ragged_features():
    dataset = tf.data.Dataset.from_tensors({"inputs": tf.ragged.constant([[1, 2, 3], [4], [5]])})
    (example,) = trim_dataset(dataset, {"inputs": (2, 2)}, {"inputs"})
    assert example["inputs"].to_list() == [[1, 2], [4]]


def test_padding_cuts_what_is_longer_and_fills_what_is_shorter():
    padded = trim_and_pad_dataset(
        dataset_of({"inputs": [1, 2, 3], "targets": [4], "id": 5}), {"inputs": 2, "targets": 3}
    )
    assert only(padded) == {"inputs": [1, 2], "targets": [4, 0, 0], "id": 5}
    assert {name: spec.shape.as_list() for name, spec in padded.element_spec.items()} == {
        "inputs": [2],
        "targets": [3],
        "id": [],
    }


def test_padding_one_length_of_several_dimensions_keeps_the_others():
    example = {"inputs": np.ones([2, 3], np.float32)}
    padded = trim_and_pad_dataset(dataset_of(example, {"inputs": [None, 3]}), {"inputs": np.int64(3)})
    assert only(padded)["inputs"] == [[1, 1, 1], [1, 1, 1], [0, 0, 0]]
    assert padded.element_spec["inputs"] == tf.TensorSpec([3, 3], tf.float32)


def test_padding_every_dimension():
    example = {"inputs": np.ones([2, 3], np.int32)}
    padded = trim_and_pad_dataset(dataset_of(example), {"inputs": (3, 2)})
    assert only(padded)["inputs"] == [[1, 1], [1, 1], [0, 0]]
    assert padded.element_spec["inputs"].shape.as_list() == [3, 2]


def test_padding_some_dimensions():
    padded = trim_and_pad_dataset(dataset_of({"inputs": np.ones([2, 3], np.int32)}), {"inputs": (None, 4)})
    assert only(padded)["inputs"] == [[1, 1, 1, 0], [1, 1, 1, 0]]
    assert padded.element_spec["inputs"].shape.as_list() == [None, 4]


def test_padding_makes_ragged_features_dense():
    dataset = tf.data.Dataset.from_tensors({"inputs": tf.ragged.constant([[1, 2, 3], [4]])})
    assert only(trim_and_pad_dataset(dataset, {"inputs": (3, 2)})) == {"inputs": [[1, 2], [4, 0], [0, 0]]}


def test_ragged_features_are_as_wide_as_their_longest_row_before_rows_are_cut():
    """As in seqio."""
    dataset = tf.data.Dataset.from_tensors({"inputs": tf.ragged.constant([[4], [1, 2, 3]])})
    assert only(trim_and_pad_dataset(dataset, {"inputs": 1})) == {"inputs": [[4, 0, 0]]}


def test_text_is_padded_with_empty_strings():
    assert only(trim_and_pad_dataset(dataset_of({"words": [b"a"]}), {"words": 2})) == {"words": [b"a", b""]}


def test_features_of_every_type_stay_beside_one_that_is_padded():
    others = {"flag": True, "text": "a", "score": 0.5, "count": np.uint8(3)}
    assert only(trim_and_pad_dataset(dataset_of({"inputs": [1], **others}), {"inputs": 2})) == {
        "inputs": [1, 0],
        "flag": True,
        "text": b"a",
        "score": 0.5,
        "count": 3,
    }


@pytest.mark.parametrize("transform", [trim_and_pad_dataset, lambda ds, lengths: trim_dataset(ds, lengths, lengths)])
def test_a_length_for_more_dimensions_than_there_are(transform):
    with pytest.raises(FeatureError, match=r"'inputs' has 1 dimension\(s\), found a length for 2: \(2, 3\)"):
        transform(dataset_of({"inputs": [1]}), {"inputs": (2, 3)})


@settings(max_examples=30, deadline=None)
@given(st.lists(st.integers(1, 9), max_size=6), st.integers(0, 6))
def test_padding_equals_numpy(tokens, length):
    example = {"inputs": np.array(tokens, np.int32)}
    expected = (tokens + [0] * length)[:length]
    assert only(trim_and_pad_dataset(dataset_of(example), {"inputs": length})) == {"inputs": expected}
