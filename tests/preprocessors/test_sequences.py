"""Where token sequences end."""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st

from evalkit import errors
from evalkit.columns import Ragged
from evalkit.data.feature import Feature
from evalkit.preprocessors import append_eos, append_eos_after_trim, truncate_inputs_left
from evalkit.preprocessors.end_of_sequence import Ending
from evalkit.vocabularies import ByteVocabulary, PassThroughVocabulary

VOCABULARY = ByteVocabulary()
FEATURES = {
    "inputs": Feature(VOCABULARY, add_eos=False),
    "targets": Feature(VOCABULARY),
    "matrix": Feature(VOCABULARY),
    "ragged": Feature(VOCABULARY),
    "absent": Feature(VOCABULARY),
}
EXAMPLE = {
    "inputs": [1, 2, 3],
    "targets": [4, 5, 6, 7],
    "matrix": [[14, 15], [16, 17]],
    "ragged": tf.ragged.constant([[20, 21], [], [22, 23, 24, 25, 26]]),
    "other": [12, 13],
}
DATASET = tf.data.Dataset.from_tensors(EXAMPLE)


def values(dataset):
    (example,) = dataset
    return {
        name: value.to_list() if isinstance(value, tf.RaggedTensor) else value.numpy().tolist()
        for name, value in example.items()
    }


def test_eos_ends_every_row_of_the_features_that_ask_for_it():
    assert values(append_eos(DATASET, FEATURES)) == {
        "inputs": [1, 2, 3],
        "targets": [4, 5, 6, 7, 1],
        "matrix": [[14, 15, 1], [16, 17, 1]],
        "ragged": [[20, 21, 1], [1], [22, 23, 24, 25, 26, 1]],
        "other": [12, 13],
    }


def test_trimming_leaves_room_for_eos():
    lengths = {"inputs": 1, "targets": 3, "matrix": 2, "ragged": 4, "other": 1}
    ended = values(append_eos_after_trim(DATASET, FEATURES, lengths))
    assert ended["inputs"] == [1, 2, 3]
    assert ended["targets"] == [4, 5, 1]
    assert ended["matrix"] == [[14, 1], [16, 1]]
    assert ended["ragged"] == [[20, 21, 1], [1], [22, 23, 24, 1]]
    assert ended["other"] == [12, 13]


@pytest.mark.parametrize("lengths", [None, {}, {"targets": None}, {"targets": 5}, {"targets": (9, 5)}])
def test_nothing_is_trimmed_without_need(lengths):
    assert values(append_eos_after_trim(DATASET, FEATURES, lengths))["targets"] == [4, 5, 6, 7, 1]


def test_ragged_tensors_of_rank_three_and_other_dtypes_end_too():
    deep = tf.ragged.constant([[[1, 2], [3]], [[4, 5, 6]]], dtype=tf.int64)
    uniform = tf.ragged.constant([[[1, 2], [3, 4]], [[5, 6]]], ragged_rank=1)
    features = {"deep": Feature(VOCABULARY), "uniform": Feature(VOCABULARY)}
    ended = append_eos(tf.data.Dataset.from_tensors({"deep": deep, "uniform": uniform}), features)
    assert values(ended) == {
        "deep": [[[1, 2, 1], [3, 1]], [[4, 5, 6, 1]]],
        "uniform": [[[1, 2, 1], [3, 4, 1]], [[5, 6, 1]]],
    }
    assert ended.element_spec["deep"].dtype == tf.int64


@settings(max_examples=30, deadline=None)
@given(st.lists(st.lists(st.integers(2, 99), max_size=6), max_size=6), st.none() | st.integers(0, 4))
def test_many_rows_end_as_one_does(rows, room):
    ended = Ending(1, room).append(Ragged.from_rows(rows))
    assert [ended.row(index).tolist() for index in range(ended.num_rows)] == [[*row[:room], 1] for row in rows]
    for row in rows[:2]:
        assert np.asarray(Ending(1, room).append_tensor(tf.constant(row, tf.int32))).tolist() == [*row[:room], 1]


def test_features_without_eos_pass_as_the_same_dataset():
    assert append_eos(DATASET, {"inputs": FEATURES["inputs"]}) is DATASET


@pytest.mark.parametrize("value", ["text", 7, ["te", "xt"]])
def test_eos_needs_a_sequence_of_ids(value):
    with pytest.raises(errors.FeatureError, match=r"feature 'targets' must be a sequence of ids.*Put tokenize before"):
        append_eos(tf.data.Dataset.from_tensors({"targets": value}), FEATURES)


def test_a_vocabulary_without_eos_is_named():
    features = {"targets": Feature(PassThroughVocabulary(9))}
    with pytest.raises(errors.FeatureError, match=r"'targets' asks for EOS .* PassThroughVocabulary, has none"):
        append_eos(DATASET, features)


@pytest.mark.parametrize("length", [0, -1, (4, 0)])
def test_a_length_without_room_for_eos_is_refused(length):
    with pytest.raises(errors.ArgumentError, match=r"sequence_length\['targets'\] is -?\d, which leaves no room"):
        append_eos_after_trim(DATASET, FEATURES, {"targets": length})


def test_examples_must_be_dictionaries():
    with pytest.raises(errors.FeatureError, match=r"append_eos needs examples that are dictionaries"):
        append_eos(tf.data.Dataset.range(3), FEATURES)


@pytest.mark.parametrize(
    ("lengths", "inputs"),
    [
        ({"inputs": 2, "targets": 4}, [2, 3]),
        ({"inputs": 9}, [1, 2, 3]),
        ({"inputs": 0}, []),
        ({"inputs": (2,)}, [2, 3]),
        ({"inputs": None}, [1, 2, 3]),
        ({"targets": 4}, [1, 2, 3]),
        (None, [1, 2, 3]),
    ],
)
def test_inputs_are_cut_on_the_left(lengths, inputs):
    cut = values(truncate_inputs_left(DATASET, lengths))
    assert cut["inputs"] == inputs
    assert cut["targets"] == EXAMPLE["targets"]


def test_cutting_needs_inputs():
    with pytest.raises(errors.FeatureError, match=r"truncate_inputs_left: .* no feature 'inputs'"):
        truncate_inputs_left(tf.data.Dataset.from_tensors({"targets": [1]}), {"inputs": 2})
