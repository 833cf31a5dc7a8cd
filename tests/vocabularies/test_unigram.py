"""A list of words as a vocabulary."""

from __future__ import annotations

import pickle

import pytest
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st

from evalkit.columns import Ragged
from evalkit.data import Feature, InMemoryDataSource, Mixture, Task
from evalkit.errors import DefinitionError, FeatureError
from evalkit.vocabularies import UnigramVocabulary

WORDS = ["this", "that", "is", "not", "né"]
LABELS = UnigramVocabulary(WORDS)
SPLIT = UnigramVocabulary(WORDS, split_on_space=True)
BOTH = pytest.mark.parametrize("vocabulary", [LABELS, SPLIT], ids=["labels", "split"])


def test_ids_are_the_places_in_the_list():
    assert (LABELS.vocab_size, LABELS.pad_id, LABELS.unk_id, LABELS.eos_id, LABELS.bos_id) == (7, 0, 6, None, None)
    assert [LABELS.encode(text) for text in ("this", "né", "apple", "this is", "")] == [[1], [5], [6], [6], [6]]
    assert SPLIT.encode("this  is né") == [1, 6, 3, 5]


def test_ids_out_of_range_are_unknown():
    assert LABELS.decode([1, 0, 7, -1]) == "this PAD UNK UNK"


@BOTH
@settings(max_examples=40, deadline=None)
@given(texts=st.lists(st.lists(st.sampled_from([*WORDS, "apple", "", "UNK"]), max_size=4).map(" ".join), max_size=4))
def test_all_ways_of_encoding_agree(vocabulary, texts):
    rows = [vocabulary.encode(text) for text in texts]
    batch = vocabulary.encode_batch([text.encode() for text in texts])
    assert [batch.row(index).tolist() for index in range(batch.num_rows)] == rows
    encoded = vocabulary.encode_tf(tf.constant(texts, tf.string))
    assert encoded.dtype == tf.int32
    assert [row.numpy().tolist() for row in encoded] == rows
    assert [vocabulary.encode_tf(tf.constant(text)).numpy().tolist() for text in texts] == rows


@settings(max_examples=40, deadline=None)
@given(st.lists(st.lists(st.integers(-2, 9), max_size=4), min_size=1, max_size=4))
def test_all_ways_of_decoding_agree(rows):
    texts = [SPLIT.decode(row) for row in rows]
    assert [LABELS.decode(row) for row in rows] == texts
    assert SPLIT.decode_batch(Ragged.from_rows(rows)) == texts
    in_graph = SPLIT.decode_tf(tf.ragged.constant(rows, tf.int32)).numpy()
    assert [text.decode() for text in in_graph] == texts


def test_graphs_decode_the_first_label():
    assert LABELS.decode_tf(tf.constant([4, 2])).numpy() == b"not"
    assert LABELS.decode_tf(tf.constant([[4, 2], [1, 0]])).numpy().tolist() == [b"not", b"this"]
    assert LABELS.decode_tf(tf.ragged.constant([[4, 2], []])).numpy().tolist() == [b"not", b""]


@BOTH
def test_ragged_texts_and_graphs(vocabulary):
    texts = tf.ragged.constant([["this", "not"], [], ["apple"]])
    assert vocabulary.encode_tf(texts).to_list() == [[[1], [4]], [], [[6]]]
    dataset = tf.data.Dataset.from_tensor_slices(["that", "is"]).map(vocabulary.encode_tf)
    assert [ids.tolist() for ids in dataset.as_numpy_iterator()] == [[2], [3]]
    assert vocabulary.encodes_in_graph


def test_in_a_graph_of_its_own():
    vocabulary = UnigramVocabulary(WORDS)
    vocabulary.encode_tf(tf.constant("this"))  # a table for eager execution is there
    with tf.Graph().as_default(), tf.compat.v1.Session() as session:
        ids = vocabulary.encode_tf(tf.constant(["is"]))
        session.run(tf.compat.v1.tables_initializer())
        assert session.run(ids).tolist() == [[3]]


def test_content_decides_equality():
    LABELS.encode_tf(tf.constant("this"))
    assert pickle.loads(pickle.dumps(LABELS)) == LABELS
    assert UnigramVocabulary(WORDS) == LABELS
    assert LABELS != SPLIT
    assert UnigramVocabulary(WORDS[::-1]) != LABELS


def test_equal_vocabularies_mix():
    features = [{"targets": Feature(UnigramVocabulary(WORDS), add_eos=False)} for _ in range(2)]
    tasks = [
        Task(f"unigram_{index}", InMemoryDataSource({"train": [{"targets": "this"}]}), feature)
        for index, feature in enumerate(features)
    ]
    assert Mixture("unigrams", tasks, default_rate=1).output_features["targets"] == features[0]["targets"]


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["a", "b", "a"], "The word 'a' is there twice"),
        (["PAD"], "The word 'PAD' is there twice; give each once, and neither 'PAD' nor 'UNK'"),
        (["a", 3], r"unigrams\[1\] is 3; expected a text"),
        ("abc", "Expected a list of words, found 'abc'"),
    ],
)
def test_lists_that_are_no_vocabulary(words, message):
    with pytest.raises(DefinitionError, match=message):
        UnigramVocabulary(words)


def test_numbers_are_not_encoded():
    with pytest.raises(FeatureError, match="UnigramVocabulary encodes string tensors of known rank, found int32"):
        LABELS.encode_tf(tf.constant([1]))
