"""SentencePiece models: the library's ids, its texts, and the ways in which they are reached."""

from __future__ import annotations

import concurrent.futures
import copy
import pickle
import shutil
from typing import Any

import pytest
import sentencepiece
import tensorflow as tf
from sentencepiece import sentencepiece_model_pb2

from evalkit import errors
from evalkit.columns import Ragged
from evalkit.vocabularies import SentencePieceVocabulary, tensorflow_text

TEXTS = ["the cat sees 33 apples.", "", "  a  dog ", "日本の猫 é 🤗", "<extra_id_0> x <extra_id_1>", "\n"]


def test_ids_are_those_of_the_library(unigram):
    vocabulary = SentencePieceVocabulary(unigram)
    library = sentencepiece.SentencePieceProcessor(model_file=unigram)
    assert [vocabulary.encode(text) for text in TEXTS] == [library.encode(text) for text in TEXTS]
    assert vocabulary.vocab_size == library.get_piece_size()
    assert (vocabulary.eos_id, vocabulary.unk_id, vocabulary.bos_id, vocabulary.pad_id) == (1, 2, -1, 0)


def test_all_ways_of_encoding_agree(model_files):
    for path in model_files.values():
        vocabulary = SentencePieceVocabulary(path, extra_ids=3)
        rows = [vocabulary.encode(text) for text in TEXTS]
        for texts in (TEXTS, [text.encode() for text in TEXTS]):
            batch = vocabulary.encode_batch(texts)
            assert [batch.row(index).tolist() for index in range(batch.num_rows)] == rows
        assert vocabulary.encode_tf(TEXTS).to_list() == rows
        assert vocabulary.encode_tf(TEXTS[0]).numpy().tolist() == rows[0]


def test_no_texts_are_no_rows(unigram):
    assert SentencePieceVocabulary(unigram).encode_batch([]).num_rows == 0
    assert SentencePieceVocabulary(unigram).decode_batch(Ragged.from_rows([])) == []


def test_a_library_without_arrays_gives_the_same_ids(unigram, monkeypatch):
    """Before 0.2.3 there was no `EncodeAsNumpy`."""
    vocabulary = SentencePieceVocabulary(unigram)
    expected = vocabulary.encode_batch(TEXTS)
    monkeypatch.delattr(sentencepiece.SentencePieceProcessor, "EncodeAsNumpy", raising=False)
    ids = vocabulary.encode_batch(TEXTS)
    assert (ids.values.tolist(), ids.splits.tolist()) == (expected.values.tolist(), expected.splits.tolist())


def test_sentinels_are_the_last_ids_and_the_first_is_the_highest(unigram):
    base = SentencePieceVocabulary(unigram).vocab_size
    vocabulary = SentencePieceVocabulary(unigram, extra_ids=10)
    assert vocabulary.vocab_size == base + 10
    assert vocabulary.encode("<extra_id_0> <extra_id_9>") == [base + 9, base]
    assert vocabulary.decode([base + 9, base]) == "<extra_id_0> <extra_id_9>"
    forward = SentencePieceVocabulary(unigram, extra_ids=10, reverse_extra_ids=False)
    assert forward.decode([base, base + 1]) == "<extra_id_0> <extra_id_1>"
    assert forward != vocabulary


def test_the_normaliser_can_be_overridden(unigram):
    spaced = "a  cat   sees"
    schema: Any = sentencepiece_model_pb2
    keep = schema.NormalizerSpec(remove_extra_whitespaces=False)
    vocabulary = SentencePieceVocabulary(unigram, normalizer_spec_overrides=keep)
    assert vocabulary.decode(vocabulary.encode(spaced)) == spaced
    plain = SentencePieceVocabulary(unigram)
    assert plain.decode(plain.encode(spaced)) == "a cat sees"


def test_decoding_in_a_graph_takes_any_rank(unigram):
    vocabulary = SentencePieceVocabulary(unigram)
    ids = vocabulary.encode("the cat")
    assert vocabulary.decode_tf(tf.constant([*ids, 1, 5, 9999])).numpy() == b"the cat"
    assert vocabulary.decode_tf(tf.constant([[ids]])).numpy().tolist() == [[b"the cat"]]
    assert vocabulary.decode_tf(tf.ragged.constant([ids, []])).numpy().tolist() == [b"the cat", b""]


def test_copies_are_equal_and_load_again(unigram, tmp_path):
    vocabulary = SentencePieceVocabulary(unigram, extra_ids=2)
    vocabulary.load_model()
    for twin in (copy.deepcopy(vocabulary), pickle.loads(pickle.dumps(vocabulary))):
        assert twin == vocabulary
        assert hash(twin) == hash(vocabulary)
        assert twin.encode("the cat") == vocabulary.encode("the cat")
    elsewhere = shutil.copy(unigram, tmp_path / "same.model")
    assert SentencePieceVocabulary(str(elsewhere), extra_ids=2) == vocabulary
    assert SentencePieceVocabulary(unigram) != vocabulary


def test_vocabularies_of_one_model_share_it(unigram):
    assert SentencePieceVocabulary(unigram).tokenizer is SentencePieceVocabulary(unigram).tokenizer
    assert SentencePieceVocabulary(unigram).tokenizer is not SentencePieceVocabulary(unigram, 1).tokenizer


def test_a_file_that_changed_is_read_anew(model_files, tmp_path):
    path = tmp_path / "changing.model"
    shutil.copy(model_files["unigram"], path)
    before = SentencePieceVocabulary(str(path)).sp_model
    shutil.copy(model_files["bpe"], path)
    assert SentencePieceVocabulary(str(path)).sp_model != before


def test_threads_may_load_at_the_same_time(unigram):
    vocabularies = [SentencePieceVocabulary(unigram, extra_ids=7) for _ in range(16)]
    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        ids = list(pool.map(lambda vocabulary: vocabulary.encode("the cat"), vocabularies))
    assert ids == [ids[0]] * 16


def test_its_name_says_which_model(unigram):
    assert f"SentencePieceVocabulary(file={unigram}, extra_ids=0, spm_md5=" in str(SentencePieceVocabulary(unigram))


def test_a_model_without_padding_is_warned_of(tmp_path, caplog):
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=iter(["a b c d"] * 9), model_prefix=str(tmp_path / "m"), vocab_size=8, minloglevel=2
    )
    SentencePieceVocabulary(str(tmp_path / "m.model")).load_model()
    assert "has padding id -1, while sequences are padded with 0, which is its piece '<unk>'" in caplog.text


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(errors.SourceError, match=r"The SentencePiece model '.*none.model' cannot be read"):
        SentencePieceVocabulary(str(tmp_path / "none.model")).encode("a")


@pytest.mark.parametrize("content", [b"", b"this is no model"])
def test_a_file_that_is_no_model_is_named(tmp_path, content):
    (tmp_path / "bad.model").write_bytes(content)
    with pytest.raises(errors.DefinitionError, match=r"bad.model' \(\d+ bytes\) is not a usable SentencePiece model"):
        SentencePieceVocabulary(str(tmp_path / "bad.model")).load_model()


@pytest.mark.skipif(tensorflow_text.is_installed(), reason="tensorflow-text is installed")
def test_without_tensorflow_text_its_tokenizer_names_the_extra(unigram):
    vocabulary = SentencePieceVocabulary(unigram)
    assert not vocabulary.encodes_in_graph
    with pytest.raises(errors.MissingExtraError, match=r"pip install 'evalkit\[text\]'"):
        vocabulary.tf_tokenizer  # noqa: B018


needs_tensorflow_text = pytest.mark.skipif(
    not tensorflow_text.is_installed(), reason="tensorflow-text is not installed: pip install '.[text]'"
)


@needs_tensorflow_text
def test_with_tensorflow_text_iterators_can_be_checkpointed(unigram, tmp_path):
    vocabulary = SentencePieceVocabulary(unigram)
    assert vocabulary.encodes_in_graph
    dataset = tf.data.Dataset.from_tensor_slices(TEXTS).map(vocabulary.encode_tf)
    assert [ids.tolist() for ids in dataset.as_numpy_iterator()] == [vocabulary.encode(text) for text in TEXTS]
    iterator = iter(dataset)
    next(iterator)
    path = tf.train.Checkpoint(iterator=iterator).save(str(tmp_path / "checkpoint"))
    after = next(iterator).numpy().tolist()
    tf.train.Checkpoint(iterator=iterator).restore(path)
    assert next(iterator).numpy().tolist() == after


@needs_tensorflow_text
def test_datasets_outlive_the_caches_of_tensorflow(unigram):
    """What `tf.random.set_seed` does to resources of operations that nobody else holds."""
    vocabulary = SentencePieceVocabulary(unigram)
    before = tf.data.Dataset.from_tensor_slices(TEXTS).map(vocabulary.encode_tf)
    tf.random.set_seed(1)
    after = tf.data.Dataset.from_tensor_slices(TEXTS).map(vocabulary.encode_tf).map(vocabulary.decode_tf)
    assert [ids.tolist() for ids in before.as_numpy_iterator()] == [vocabulary.encode(text) for text in TEXTS]
    assert len(list(after)) == len(TEXTS)
