"""UTF-8 bytes as ids."""

from __future__ import annotations

import pickle
from typing import Any

import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st

from evalkit.columns import Ragged
from evalkit.vocabularies import ByteVocabulary

VOCABULARY = ByteVocabulary()


def test_a_byte_is_three_less_than_its_id():
    assert VOCABULARY.encode("né 你") == [113, 198, 172, 35, 231, 192, 163]
    assert (VOCABULARY.vocab_size, VOCABULARY.eos_id, VOCABULARY.unk_id, VOCABULARY.bos_id) == (259, 1, 2, None)


@settings(max_examples=40, deadline=None)
@given(st.text())
def test_every_text_comes_back(text):
    assert VOCABULARY.decode(VOCABULARY.encode(text)) == text


@settings(max_examples=40, deadline=None)
@given(st.lists(st.text(max_size=8), max_size=5))
def test_all_ways_of_encoding_agree(texts):
    rows = [VOCABULARY.encode(text) for text in texts]
    batch = VOCABULARY.encode_batch(texts)
    assert [batch.row(index).tolist() for index in range(batch.num_rows)] == rows
    assert VOCABULARY.encode_tf(tf.constant(texts, tf.string)).to_list() == rows
    assert VOCABULARY.decode_batch(batch) == texts


@settings(max_examples=40, deadline=None)
@given(st.lists(st.lists(st.integers(-5, 300), max_size=10), min_size=1, max_size=5))
def test_arbitrary_ids_decode_alike_in_batches_and_alone(rows):
    assert VOCABULARY.decode_batch(Ragged.from_rows(rows)) == [VOCABULARY.decode(row) for row in rows]


@settings(max_examples=40, deadline=None)
@given(st.text(max_size=20), st.sampled_from([[], [1, 104], [3000, -4000], [0, 0]]))
def test_graphs_decode_as_python_does(text, tail):
    ids = VOCABULARY.encode(text) + tail
    assert VOCABULARY.decode_tf(tf.constant(ids, tf.int32)).numpy().decode() == VOCABULARY.decode(ids)


@pytest.mark.parametrize("rank", [1, 2, 3])
def test_graphs_decode_tensors_of_any_rank(rank):
    ids: Any = VOCABULARY.encode("a 🤗")
    text: Any = "a 🤗".encode()
    for _ in range(rank - 1):
        ids, text = [ids], [text]
    assert np.asarray(VOCABULARY.decode_tf(tf.constant(ids))).tolist() == text


def test_ragged_text_is_encoded_and_decoded_in_place():
    texts = tf.ragged.constant([["ab", ""], [], ["é"]])
    ids = VOCABULARY.encode_tf(texts)
    assert ids.to_list() == [[[100, 101], []], [], [[198, 172]]]
    assert VOCABULARY.decode_tf(ids).to_list() == texts.to_list()


@pytest.mark.parametrize("ids", [[0], [1], [2], [259], [260], [-1], [0xC0], [0xC0, 0xC1]])
def test_what_is_no_text_vanishes(ids):
    assert VOCABULARY.decode(ids) == ""
    assert VOCABULARY.decode_batch(Ragged.from_rows([ids])) == [""]
    assert VOCABULARY.decode_tf(tf.constant(ids)).numpy() == b""


def test_bytes_need_not_be_text():
    assert VOCABULARY.encode(b"\xff") == [258]
    assert VOCABULARY.encode_tf(b"\xff").numpy().tolist() == [258]


def test_sentinels_are_part_of_what_it_is():
    assert ByteVocabulary(extra_ids=10).vocab_size == 269
    assert ByteVocabulary(extra_ids=10) != VOCABULARY
    assert pickle.loads(pickle.dumps(VOCABULARY)) == VOCABULARY
