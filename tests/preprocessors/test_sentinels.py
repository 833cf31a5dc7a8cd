"""Sentinels between inputs and targets."""

from __future__ import annotations

import pytest
import tensorflow as tf

from evalkit import errors
from evalkit.data import Feature
from evalkit.preprocessors.sentinels import add_sentinels, sentinel_ids
from evalkit.vocabularies import ByteVocabulary, PassThroughVocabulary

FEATURES = {"inputs": Feature(PassThroughVocabulary(100)), "targets": Feature(PassThroughVocabulary(50))}


def test_each_feature_has_the_sentinels_of_its_vocabulary():
    dataset = tf.data.Dataset.from_tensors({"inputs": [1, 2], "targets": tf.constant([3], tf.int64), "id": "a"})
    [example] = add_sentinels(dataset, FEATURES, num_sentinels=2).as_numpy_iterator()
    assert {name: example[name].tolist() for name in FEATURES} == {"inputs": [1, 2, 99, 98], "targets": [49, 48, 3]}
    assert (example["inputs"].dtype, example["targets"].dtype, example["id"]) == ("int32", "int64", b"a")


def test_sentinels_are_the_last_ids():
    assert sentinel_ids(ByteVocabulary(extra_ids=100), 1) == [358]
    assert sentinel_ids(PassThroughVocabulary(2), 2) == [1, 0]


@pytest.mark.parametrize("number", [0, -1, 101])
def test_a_vocabulary_has_only_so_many_ids(number):
    with pytest.raises(errors.ArgumentError, match=f"at least 1 and at most 100, .*PassThrough.* found {number}"):
        sentinel_ids(PassThroughVocabulary(100), number)


def test_a_missing_feature_is_named():
    with pytest.raises(errors.FeatureError, match="add_sentinels: the examples have no feature 'targets'"):
        add_sentinels(tf.data.Dataset.from_tensors({"inputs": [1]}), FEATURES)
