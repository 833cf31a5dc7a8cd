"""The interface: what a vocabulary gets for its `_encode`, `_decode` and special ids."""

from __future__ import annotations

import pickle
import threading

import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st

from evalkit import errors
from evalkit.columns import Ragged
from evalkit.vocabularies import ByteVocabulary, PassThroughVocabulary, Vocabulary


class Letters(Vocabulary):
    """`a` is 3 and so on; all that a user must write."""

    eos_id = 1
    unk_id = 2
    _base_vocab_size = 29

    def _encode(self, s):
        if "!" in s:
            raise RuntimeError("no shouting")
        return [ord(letter) - 94 for letter in s]

    def _decode(self, ids):
        return "".join(chr(i + 94) for i in ids if i > 2)


class Ascii(Vocabulary):
    """As vocabularies are written for seqio: all four hooks, equality without a hash."""

    eos_id = None
    unk_id = None
    _base_vocab_size = 128

    def _encode(self, s):
        return [ord(character) for character in s]

    def _decode(self, ids):
        return "".join(map(chr, ids))

    def _encode_tf(self, s):
        return tf.strings.unicode_decode(s, "UTF-8")

    def _decode_tf(self, ids):
        return tf.strings.unicode_encode(ids, "UTF-8")

    def __eq__(self, other):
        return isinstance(other, Ascii)


def test_sizes_count_sentinels_only_where_they_should():
    vocabulary = Letters(extra_ids=5)
    assert (vocabulary.vocab_size, vocabulary.extra_ids, vocabulary.pad_id) == (34, 5, 0)
    assert vocabulary.bos_id is None


def test_decoding_replaces_unknown_ids_and_ends_with_the_first_eos():
    assert Ascii().decode([72, 105]) == "Hi"
    assert Letters().decode([3, 99, -7, 4, 1, 5]) == "ab"


@pytest.mark.parametrize(
    "ids", [[3, 4, 1, 5], (3, 4, 1, 5), np.array([3, 4, 1, 5]), tf.constant([3, 4, 1, 5])], ids=str
)
def test_ids_may_be_any_sequence(ids):
    assert Letters().decode(ids) == "ab"


def test_python_functions_run_inside_a_graph_with_any_shape():
    encode = tf.function(Letters().encode_tf)
    assert encode(tf.constant("ab")).numpy().tolist() == [3, 4]
    assert encode(tf.constant(["ab", ""])).to_list() == [[3, 4], []]
    assert encode(tf.constant([["ab"], ["c"]])).to_list() == [[[3, 4]], [[5]]]
    assert encode(tf.ragged.constant([["ab", "c"], []])).to_list() == [[[3, 4], [5]], []]


@pytest.mark.parametrize(
    ("ids", "texts"),
    [
        ([3, 99, 1, 4], b"a"),
        ([[3, 4], [1, 4]], [b"ab", b""]),
        ([[[3, 4]], [[5, 1]]], [[b"ab"], [b"c"]]),
        (np.zeros((2, 0), np.int32), [b"", b""]),
        (np.zeros((0, 2), np.int32), []),
    ],
)
def test_tensors_of_any_rank_are_decoded(ids, texts):
    for decode in (Letters().decode_tf, tf.function(Letters().decode_tf)):
        assert np.asarray(decode(tf.constant(ids))).tolist() == texts


def test_ragged_tensors_are_decoded():
    assert Letters().decode_tf(tf.ragged.constant([[3, 1, 4], [], [5]])).numpy().tolist() == [b"a", b"", b"c"]
    assert Letters().decode_tf(tf.ragged.constant([[[3, 1, 4], []], [[5]]])).to_list() == [[b"a", b""], [b"c"]]
    uniform = tf.RaggedTensor.from_row_lengths([[3, 1], [4, 5]], [2, 0])
    assert Letters().decode_tf(uniform).to_list() == [[b"a", b"bc"], []]


def test_an_empty_tensor_decodes_to_an_empty_string():
    assert Letters().decode_tf(tf.constant([], tf.int32)).numpy() == b""


def test_only_graphs_without_python_say_so():
    assert Ascii().encodes_in_graph
    assert ByteVocabulary().encodes_in_graph
    assert not Letters().encodes_in_graph


def test_a_text_that_cannot_be_encoded_is_quoted():
    with pytest.raises(errors.FeatureError, match=r"Letters cannot encode the text b'b!': RuntimeError: no shouting"):
        Letters().encode_tf(["a", "b!"])


def test_a_batch_that_fails_as_a_whole_says_so():
    class Together(Letters):
        def _encode_batch(self, texts):
            if len(texts) > 1:
                raise RuntimeError("too many")
            return super()._encode_batch(texts)

    with pytest.raises(errors.FeatureError, match=r"each of 2 texts by itself, but not all at once: too many"):
        Together().encode_tf(["a", "b"])


@pytest.mark.parametrize("value", [tf.constant([1, 2]), tf.constant(0.5)])
@pytest.mark.parametrize("vocabulary", [Letters(), ByteVocabulary()])
def test_numbers_are_no_text(vocabulary, value):
    with pytest.raises(errors.FeatureError, match=r"encodes string tensors .*Has it been tokenised before"):
        vocabulary.encode_tf(value)


def test_a_negative_number_of_sentinels_is_refused():
    with pytest.raises(errors.DefinitionError, match=r"extra_ids=-1 of Letters; expected 0 or more"):
        Letters(extra_ids=-1)


@settings(max_examples=60, deadline=None)
@given(st.lists(st.lists(st.integers(-3, 40), max_size=12), max_size=6))
def test_batches_decode_as_rows_do(rows):
    for vocabulary in (Letters(), PassThroughVocabulary(40, eos_id=1), PassThroughVocabulary(40), ByteVocabulary()):
        assert vocabulary.decode_batch(Ragged.from_rows(rows)) == [vocabulary.decode(row) for row in rows]


def test_batches_encode_as_rows_do_from_text_and_bytes():
    assert Letters().encode_batch(["ab", b"c", ""]).values.tolist() == [3, 4, 5]
    assert Letters().encode_batch(["ab", b"c", ""]).splits.tolist() == [0, 2, 3, 3]


def test_replacing_the_decoding_of_one_row_replaces_that_of_many():
    class Capital(Letters):
        def _decode_batch(self, ids):
            return ["fast"] * ids.num_rows

    class Odd(Capital):
        def decode(self, ids):
            return "odd"

    assert Capital().decode_batch(Ragged.from_rows([[3]])) == ["fast"]
    assert Odd().decode_batch(Ragged.from_rows([[3]])) == ["odd"]


def test_vocabularies_are_equal_by_content():
    assert Letters() == Letters()
    assert Letters() != Letters(extra_ids=1)
    assert Letters() != ByteVocabulary()
    assert Letters().fingerprint == pickle.loads(pickle.dumps(Letters())).fingerprint
    assert len({Letters(), Letters(), Letters(extra_ids=1)}) == 2


def test_equality_without_a_hash_does_not_make_unhashable():
    assert hash(Ascii()) == hash(Ascii())


def test_what_cannot_be_pickled_has_no_fingerprint_and_equals_only_itself():
    class Locked(Letters):
        def __init__(self):
            super().__init__()
            self.lock = threading.Lock()

    vocabulary = Locked()
    with pytest.raises(errors.DefinitionError, match=r"Locked has no fingerprint.*Define its property `fingerprint`"):
        vocabulary.fingerprint  # noqa: B018
    assert vocabulary == vocabulary
    assert vocabulary != Locked()
