from __future__ import annotations

import copy
from typing import Any

import numpy as np
import pytest
import tensorflow as tf

from evalkit.data import ContinuousFeature, Feature
from evalkit.errors import DefinitionError
from evalkit.vocabularies import ByteVocabulary, PassThroughVocabulary


class VocabularyWithoutHash:  # nor is it a Vocabulary: what it can do counts
    """What a user may write: equality, and so no hash."""

    def __eq__(self, other):
        return isinstance(other, VocabularyWithoutHash)

    def decode(self, ids):
        return str(ids)


def test_defaults_are_those_of_seqio():
    feature = Feature(ByteVocabulary())
    assert (feature.add_eos, feature.required, feature.dtype, feature.rank) == (True, True, tf.int32, 1)


def test_equal_features_hash_alike():
    assert Feature(ByteVocabulary()) == Feature(ByteVocabulary())
    assert hash(Feature(ByteVocabulary())) == hash(Feature(ByteVocabulary()))
    assert Feature(ByteVocabulary()) != Feature(ByteVocabulary(extra_ids=7))


def test_a_feature_is_hashable_even_if_its_vocabulary_is_not():
    vocabulary: Any = VocabularyWithoutHash()
    assert len({Feature(vocabulary), Feature(copy.copy(vocabulary))}) == 1


def test_continuous_features_have_no_text():
    feature = ContinuousFeature(rank=2, dtype=tf.float32)
    assert isinstance(feature, Feature)
    assert isinstance(feature.vocabulary, PassThroughVocabulary)
    assert not feature.add_eos


@pytest.mark.parametrize("dtype", [tf.int64, np.int64, "int64"])
def test_any_spelling_of_a_dtype(dtype):
    assert Feature(ByteVocabulary(), dtype=dtype).dtype == tf.int64


def test_fields_are_frozen():
    with pytest.raises(AttributeError):
        Feature(ByteVocabulary()).rank = 2  # type: ignore[misc]


@pytest.mark.parametrize("vocabulary", ["/path/to.model", None, ByteVocabulary])
def test_something_else_for_a_vocabulary(vocabulary):
    with pytest.raises(DefinitionError, match="vocabulary must be a Vocabulary"):
        Feature(vocabulary)


@pytest.mark.parametrize("rank", [-1, 1.0, True])
def test_a_rank_that_is_none(rank):
    with pytest.raises(DefinitionError, match=r"rank must be an integer >= 0"):
        Feature(ByteVocabulary(), rank=rank)


def test_a_dtype_that_is_none():
    with pytest.raises(DefinitionError, match=r"dtype must be a tf\.DType.* found 'int33'"):
        Feature(ByteVocabulary(), dtype="int33")
