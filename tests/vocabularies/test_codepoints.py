"""Text as Unicode code points, all of them or some."""

from __future__ import annotations

import pickle
from typing import Any

import pytest
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st

from evalkit.columns import Ragged
from evalkit.errors import DefinitionError, FeatureError, SourceError
from evalkit.vocabularies import FullCodepointVocabulary, PartialCodepointVocabulary, Vocabulary

FULL = FullCodepointVocabulary()
PARTIAL = PartialCodepointVocabulary([ord(character) for character in "thisae né你"], extra_ids=2)
BOTH = pytest.mark.parametrize("vocabulary", [FULL, PARTIAL], ids=["full", "partial"])
EOS = chr(0xE005)
UNKNOWN = chr(0xE004)


def test_all_code_points():
    assert FULL.encode("né你") == [110, 233, 0x4F60]
    assert (FULL.vocab_size, FULL.pad_id, FULL.eos_id, FULL.unk_id) == (0x10FFFF, 0, 0xE005, None)
    assert FullCodepointVocabulary(extra_ids=3).vocab_size == 0x10FFFF + 3


def test_some_code_points():
    assert PARTIAL.encode("the né!") == [3, 4, 8, 9, 10, 11, 2]
    assert (PARTIAL.vocab_size, PARTIAL.pad_id, PARTIAL.eos_id, PARTIAL.unk_id) == (15, 0, 1, 2)
    assert PARTIAL.decode([3, 4, 8, 2, 13, 99, -1]) == "the" + 4 * UNKNOWN


def test_code_points_given_twice_count_once():
    assert PartialCodepointVocabulary([97, 98, 97]).vocab_size == 5
    assert PartialCodepointVocabulary([0xE005, 97]).encode("a" + EOS) == [3, 1]


@settings(max_examples=40, deadline=None)
@given(st.text().filter(lambda text: "\0" not in text and EOS not in text))
def test_every_text_comes_back(text):
    assert FULL.decode(FULL.encode(text)) == text
    vocabulary = PartialCodepointVocabulary([ord(character) for character in text])
    assert vocabulary.decode(vocabulary.encode(text)) == text


@BOTH
@settings(max_examples=40, deadline=None)
@given(texts=st.lists(st.text(max_size=8) | st.text("thisae né你", max_size=8), max_size=5))
def test_all_ways_of_encoding_agree(vocabulary, texts):
    rows = [vocabulary.encode(text) for text in texts]
    assert [vocabulary.encode(text.encode()) for text in texts] == rows
    batch = vocabulary.encode_batch(texts)
    assert [batch.row(index).tolist() for index in range(batch.num_rows)] == rows
    encoded = vocabulary.encode_tf(tf.constant(texts, tf.string))
    assert encoded.dtype == tf.int32
    assert encoded.to_list() == rows
    assert [vocabulary.encode_tf(tf.constant(text)).numpy().tolist() for text in texts] == rows


@BOTH
@settings(max_examples=40, deadline=None)
@given(rows=st.lists(st.lists(st.integers(-3, 0x110005) | st.integers(-3, 20), max_size=8), min_size=1, max_size=5))
def test_all_ways_of_decoding_agree(vocabulary, rows):
    texts = [vocabulary.decode(row) for row in rows]
    assert vocabulary.decode_batch(Ragged.from_rows(rows)) == texts
    in_graph = vocabulary.decode_tf(tf.ragged.constant(rows, tf.int32)).numpy().tolist()
    assert [text.decode().replace(EOS, "") for text in in_graph] == texts


@BOTH
def test_tensors_of_any_rank(vocabulary):
    ids: Any = vocabulary.encode("this is")
    text: Any = b"this is"
    for _ in range(2):
        ids, text = [ids], [text]
        assert vocabulary.decode_tf(tf.constant(ids)).numpy().tolist() == text
        assert vocabulary.encode_tf(tf.constant(text)).to_list() == ids
    assert vocabulary.encode_tf(tf.RaggedTensor.from_tensor(tf.constant(text))).to_list() == ids


@BOTH
def test_padding_and_what_follows_eos_have_no_text(vocabulary):
    ids = [*vocabulary.encode("this"), 0, vocabulary.eos_id, *vocabulary.encode("is")]
    assert vocabulary.decode(ids) == "this"
    assert vocabulary.decode_tf(tf.constant(ids)).numpy().decode() == "this" + EOS


@BOTH
def test_encoding_is_made_of_tensorflow_operations(vocabulary):
    assert vocabulary.encodes_in_graph
    dataset = tf.data.Dataset.from_tensor_slices(["this", "is"]).map(vocabulary.encode_tf).map(vocabulary.decode_tf)
    assert list(dataset.as_numpy_iterator()) == [b"this", b"is"]


def test_what_is_no_character_is_replaced():
    assert FULL.decode([97, -1, 0xD800, 0x110000]) == "a\ufffd\ufffd\ufffd"
    assert FULL.decode(FULL.encode("\ud800")) == "\ufffd"


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (FULL, FullCodepointVocabulary(extra_ids=1)),
        (PARTIAL, PartialCodepointVocabulary([ord(character) for character in "thisae né你"])),
        (PARTIAL, PartialCodepointVocabulary([ord(character) for character in "htisae né你"], extra_ids=2)),
    ],
)
def test_content_decides_equality(one: Vocabulary, other: Vocabulary):
    assert one == pickle.loads(pickle.dumps(one))
    assert one != other


def test_a_file_is_as_good_as_a_list(tmp_path):
    path = tmp_path / "codepoints.txt"
    path.write_text("97\n 98\n")
    assert PartialCodepointVocabulary.create_from_file(str(path), 4) == PartialCodepointVocabulary([97, 98], 4)


@pytest.mark.parametrize("codepoint", [-1, 0x110000, "a", 1.5])
def test_what_is_no_code_point(codepoint):
    with pytest.raises(
        DefinitionError, match=f"{codepoint!r} is not a code point; expected an integer of 0 to 1114111"
    ):
        PartialCodepointVocabulary([97, codepoint])


def test_files_that_cannot_be_read(tmp_path):
    path = tmp_path / "codepoints.txt"
    with pytest.raises(SourceError, match="code points cannot be read from '.*codepoints.txt'"):
        PartialCodepointVocabulary.create_from_file(str(path))
    path.write_text("97\na\n")
    with pytest.raises(SourceError, match="codepoints.txt:2: 'a' is not a number; expected one decimal code point"):
        PartialCodepointVocabulary.create_from_file(str(path))
    path.write_text("97\n1114112\n")
    with pytest.raises(DefinitionError, match="1114112 is not a code point"):
        PartialCodepointVocabulary.create_from_file(str(path))
    path.write_bytes(b"97\n\xff\n")
    with pytest.raises(SourceError, match="code points cannot be read"):
        PartialCodepointVocabulary.create_from_file(str(path))


@BOTH
def test_numbers_are_not_encoded(vocabulary):
    with pytest.raises(FeatureError, match="encodes string tensors of known rank, found int32"):
        vocabulary.encode_tf(tf.constant([1]))
