"""Tokenizers of the Hugging Face library."""

from __future__ import annotations

import pickle

import pytest
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st

from evalkit import errors
from evalkit.columns import Ragged
from evalkit.vocabularies import HuggingFaceVocabulary, hugging_face

tokenizers = pytest.importorskip("tokenizers", reason="needs the extra huggingface")


@pytest.fixture(scope="module")
def vocabulary(tokenizer):
    return HuggingFaceVocabulary(tokenizer, eos_token="</s>", pad_token="<pad>", unk_token="<unk>")


def test_special_tokens_are_looked_up(vocabulary, tokenizer):
    assert (vocabulary.eos_id, vocabulary.pad_id, vocabulary.unk_id, vocabulary.bos_id) == (1, 0, 2, None)
    assert vocabulary.vocab_size == tokenizer.get_vocab_size()
    assert HuggingFaceVocabulary(tokenizer, bos_token="</s>", extra_ids=4).bos_id == 1


def test_ids_are_those_of_the_tokenizer(vocabulary, tokenizer):
    texts = ["the cat counts", "", "ein Löwe"]
    rows = [tokenizer.encode(text, add_special_tokens=False).ids for text in texts]
    assert [vocabulary.encode(text) for text in texts] == rows
    assert [vocabulary.encode(text.encode()) for text in texts] == rows
    assert vocabulary.encode_tf(tf.constant(texts)).to_list() == rows


def test_padding_and_truncation_of_the_tokenizer_are_ignored(tokenizer):
    eager = tokenizers.Tokenizer.from_str(tokenizer.to_str())
    eager.enable_padding(length=50)
    eager.enable_truncation(2)
    assert HuggingFaceVocabulary(eager).encode("the cat counts") == HuggingFaceVocabulary(tokenizer).encode(
        "the cat counts"
    )
    assert eager.padding is not None  # the caller's object is as it was


@settings(max_examples=30, deadline=None)
@given(st.text(max_size=20))
def test_every_text_comes_back(vocabulary, text):
    assert vocabulary.decode([*vocabulary.encode(text), 1, 50]) == text


@settings(max_examples=30, deadline=None)
@given(st.lists(st.lists(st.integers(-3, 310), max_size=10), max_size=5))
def test_batches_decode_as_rows_do(tokenizer, vocabulary, rows):
    for made in (vocabulary, HuggingFaceVocabulary(tokenizer)):
        assert made.decode_batch(Ragged.from_rows(rows)) == [made.decode(row) for row in rows]


def test_a_file_is_as_good_as_an_object(vocabulary, tokenizer, tmp_path):
    tokenizer.save(str(tmp_path / "tokenizer.json"))
    loaded = HuggingFaceVocabulary(str(tmp_path / "tokenizer.json"), "</s>", "<pad>", "<unk>")
    assert loaded == vocabulary
    assert pickle.loads(pickle.dumps(loaded)) == vocabulary
    assert HuggingFaceVocabulary(tokenizer) != vocabulary


def test_an_unknown_token_is_named_with_its_neighbours(tokenizer):
    with pytest.raises(errors.DefinitionError, match=r"eos_token='<s>' is not a token of this tokenizer.*'</s>'"):
        HuggingFaceVocabulary(tokenizer, eos_token="<s>")


def test_a_file_that_is_no_tokenizer_is_named(tmp_path):
    (tmp_path / "config.json").write_text("{}")
    with pytest.raises(errors.SourceError, match=r"config.json' cannot be read as a tokenizer"):
        HuggingFaceVocabulary(str(tmp_path / "config.json"))


def test_without_the_package_the_extra_is_named(tokenizer, monkeypatch):
    monkeypatch.setattr(hugging_face, "tokenizers", None)
    with pytest.raises(errors.MissingExtraError, match=r"pip install 'evalkit\[huggingface\]'"):
        HuggingFaceVocabulary(tokenizer)
