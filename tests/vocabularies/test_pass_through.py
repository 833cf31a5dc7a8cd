"""Features that are numbers already."""

from __future__ import annotations

import numpy as np
import tensorflow as tf

from evalkit.columns import Ragged
from evalkit.vocabularies import PassThroughVocabulary


def test_values_pass_unchanged():
    vocabulary = PassThroughVocabulary(size=128)
    assert vocabulary.encode([5, 1, 6]) == [5, 1, 6]
    assert vocabulary.decode([5, 1, 999]) == [5, 1, 999]
    assert vocabulary.encode_tf(tf.constant([5, 1])).numpy().tolist() == [5, 1]
    assert vocabulary.vocab_size == vocabulary.size == 128
    assert vocabulary.bos_id is None


def test_eos_ends_what_is_decoded():
    vocabulary = PassThroughVocabulary(size=128, eos_id=1)
    assert vocabulary.decode([5, 1, 6]) == [5, 1]
    assert vocabulary.decode_tf(tf.constant([[5, 1, 6]])).numpy().tolist() == [[5, 1, 0]]


def test_floats_and_matrices_pass_in_batches():
    vocabulary = PassThroughVocabulary(size=0)
    assert vocabulary.decode_batch(Ragged(np.array([0.5, 1.5]), np.array([0, 0, 2]))) == [[], [0.5, 1.5]]
    frames = vocabulary.decode_batch(Ragged(np.ones((3, 2)), np.array([0, 1, 3])))
    assert [np.shape(frame) for frame in frames] == [(1, 2), (2, 2)]


def test_content_decides_equality():
    assert PassThroughVocabulary(5) == PassThroughVocabulary(5)
    assert PassThroughVocabulary(5) != PassThroughVocabulary(6)
    assert PassThroughVocabulary(5) != PassThroughVocabulary(5, eos_id=1)
    assert str(PassThroughVocabulary(5, eos_id=1)) == "PassThroughVocabulary(size=5, eos_id=1)"
