"""Renaming features."""

from __future__ import annotations

import pytest
import tensorflow as tf

from evalkit import errors
from evalkit.preprocessors import rekey

DATASET = tf.data.Dataset.from_tensors({"text": "good", "other": "bad"})


@pytest.mark.parametrize(
    ("key_map", "expected"),
    [
        ({"inputs": "other", "targets": "text"}, {"inputs": b"bad", "targets": b"good"}),
        ({"targets": "text"}, {"targets": b"good"}),
        ({"inputs": "text", "targets": None}, {"inputs": b"good", "targets": b""}),
        ({"inputs": "text", "targets": ""}, {"inputs": b"good", "targets": b""}),
        ({}, {"text": b"good", "other": b"bad"}),
        (None, {"text": b"good", "other": b"bad"}),
    ],
)
def test_new_names_take_the_values_of_old_ones(key_map, expected):
    assert next(rekey(DATASET, key_map).as_numpy_iterator()) == expected


def test_the_length_stays_known():
    assert len(rekey(DATASET.repeat(3), key_map={"inputs": "text"})) == 3


def test_a_missing_feature_is_named_with_its_neighbour():
    with pytest.raises(errors.FeatureError, match=r"rekey: .* no feature 'txt'\. Did you mean 'text'\? They have"):
        rekey(DATASET, {"inputs": "txt"})


def test_examples_must_be_dictionaries():
    with pytest.raises(errors.FeatureError, match=r"rekey needs examples that are dictionaries"):
        rekey(tf.data.Dataset.range(3), {"inputs": "text"})
