"""WordPiece: the ids of tensorflow-text, which are seqio's."""

from __future__ import annotations

import pickle

import pytest
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st

from evalkit import errors
from evalkit.columns import Ragged
from evalkit.vocabularies import BertWordPieceVocabulary, tensorflow_text

PIECES = [
    "[PAD]",
    "[unused0]",
    "[UNK]",
    "[CLS]",
    "[SEP]",
    "this",
    "is",
    "test",
    "##ing",
    "##s",
    "né",
    "ne",
    "你",
    "!",
    "##é",
]
SPECIAL = {"start_of_sequence_id": 3, "end_of_sequence_id": 4}
needs_tensorflow_text = pytest.mark.skipif(
    not tensorflow_text.is_installed(), reason="tensorflow-text is not installed: pip install '.[text]'"
)
TEXTS = st.lists(
    st.sampled_from(["this", "testings", "né", "Né", "你is", "[unused0]", "xyz", "!", "\x07", "x" * 40, "é"])
)


@pytest.fixture(scope="module")
def path(tmp_path_factory):
    file = tmp_path_factory.mktemp("bert") / "vocab.txt"
    file.write_text("\n".join(PIECES) + "\n", encoding="utf-8")
    return str(file)


@pytest.fixture(scope="module")
def vocabulary(path):
    return BertWordPieceVocabulary(path, **SPECIAL)


@pytest.mark.skipif(tensorflow_text.is_installed(), reason="tensorflow-text is installed")
def test_without_tensorflow_text_the_extra_is_named(path):
    with pytest.raises(
        errors.MissingExtraError, match=r"BertWordPieceVocabulary needs .* pip install 'evalkit\[text\]'"
    ):
        BertWordPieceVocabulary(path)


@needs_tensorflow_text
def test_the_id_of_a_piece_is_its_line(vocabulary):
    assert vocabulary.encode("this testings 你is! xyz") == [5, 7, 8, 9, 12, 6, 13, 2]
    assert (vocabulary.vocab_size, vocabulary.pad_id, vocabulary.unk_id) == (len(PIECES) + 1, 0, 2)
    assert (vocabulary.sos_id, vocabulary.bos_id, vocabulary.eos_id) == (3, 3, 4)


@needs_tensorflow_text
def test_pieces_become_words(vocabulary):
    assert vocabulary.decode([3, 5, 7, 8, 0, 9, 6, 15, 99, 4, 5]) == "[CLS] this testings is [UNK] [UNK] [SEP]"
    assert vocabulary.decode([8, 5]) == "##ing this"


@needs_tensorflow_text
@pytest.mark.parametrize(
    "options",
    [
        {},
        {"lower_case": True},
        {"normalization_form": "NFD"},
        {"keep_whitespace": True},
        {"max_bytes_per_word": 4, "split_unknown_characters": True},
        {"preserve_unused_token": True, "max_chars_per_token": 4},
    ],
)
@settings(max_examples=20, deadline=None)
@given(words=TEXTS)
def test_ids_are_those_of_the_library(path, options, words):
    import tensorflow_text as library  # noqa: PLC0415 - an extra

    text = " ".join(words)
    expected = library.BertTokenizer(path, **options).tokenize([text])
    assert BertWordPieceVocabulary(path, **options).encode(text) == expected.flat_values.numpy().tolist()


@needs_tensorflow_text
@settings(max_examples=20, deadline=None)
@given(texts=st.lists(TEXTS.map(" ".join), max_size=4))
def test_all_ways_of_encoding_agree(vocabulary, texts):
    rows = [vocabulary.encode(text) for text in texts]
    assert [vocabulary.encode(text.encode()) for text in texts] == rows
    batch = vocabulary.encode_batch(texts)
    assert [batch.row(index).tolist() for index in range(batch.num_rows)] == rows
    encoded = vocabulary.encode_tf(tf.constant(texts, tf.string))
    assert encoded.dtype == tf.int32
    assert encoded.to_list() == rows
    assert [vocabulary.encode_tf(tf.constant(text)).numpy().tolist() for text in texts] == rows
    assert vocabulary.encode_tf(tf.constant([texts], tf.string, [1, len(texts)])).to_list() == [rows]
    assert vocabulary.encode_tf(
        tf.RaggedTensor.from_row_lengths(tf.constant(texts, tf.string), [len(texts)])
    ).to_list() == [rows]


@needs_tensorflow_text
@settings(max_examples=40, deadline=None)
@given(rows=st.lists(st.lists(st.integers(-2, 18), max_size=8), min_size=1, max_size=4))
def test_all_ways_of_decoding_agree(vocabulary, rows):
    texts = [vocabulary.decode(row) for row in rows]
    assert vocabulary.decode_batch(Ragged.from_rows(rows)) == texts
    in_graph = vocabulary.decode_tf(tf.ragged.constant(rows, tf.int32)).numpy()
    assert [text.decode() for text in in_graph] == texts


@needs_tensorflow_text
def test_inside_of_datasets(vocabulary):
    dataset = tf.data.Dataset.from_tensor_slices(["testing this", "né"]).map(vocabulary.encode_tf)
    assert [ids.tolist() for ids in dataset.as_numpy_iterator()] == [[7, 8, 5], [10]]
    assert [text for text in dataset.map(vocabulary.decode_tf).as_numpy_iterator()] == [b"testing this", "né".encode()]
    assert vocabulary.encodes_in_graph


@needs_tensorflow_text
def test_everything_that_changes_ids_decides_equality(vocabulary, path, tmp_path):
    assert pickle.loads(pickle.dumps(vocabulary)) == vocabulary
    copy = tmp_path / "copy.txt"
    copy.write_text("\r\n".join(PIECES), encoding="utf-8")
    assert BertWordPieceVocabulary(str(copy), **SPECIAL) == vocabulary
    assert BertWordPieceVocabulary(path) != vocabulary
    assert BertWordPieceVocabulary(path, lower_case=True, **SPECIAL) != vocabulary


@needs_tensorflow_text
def test_without_a_piece_for_the_unknown(tmp_path):
    (tmp_path / "vocab.txt").write_text("[PAD]\na")
    vocabulary = BertWordPieceVocabulary(str(tmp_path / "vocab.txt"))
    assert (vocabulary.vocab_size, vocabulary.unk_id, vocabulary.encode("a b")) == (3, 2, [1, 2])
    assert vocabulary.decode([1, 2]) == "a [UNK]"


@needs_tensorflow_text
@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"token_out_type": tf.string}, "token_out_type=.*a vocabulary has integer ids"),
        ({"unknown_token": None}, "unknown_token=None; expected the piece of what is unknown"),
        ({"normalization_form": "NFX"}, "normalization_form='NFX'; expected one of"),
        ({"lower_case": True, "normalization_form": "NFC"}, "lower_case=True normalises texts to NFD"),
    ],
)
def test_arguments_that_cannot_work(path, arguments, message):
    with pytest.raises(errors.DefinitionError, match=message):
        BertWordPieceVocabulary(path, **arguments)


@needs_tensorflow_text
def test_files_that_cannot_be_read(tmp_path):
    path = tmp_path / "vocab.txt"
    with pytest.raises(errors.SourceError, match="word pieces cannot be read from '.*vocab.txt'"):
        BertWordPieceVocabulary(str(path))
    path.write_bytes(b"\xff")
    with pytest.raises(errors.SourceError, match="word pieces cannot be read"):
        BertWordPieceVocabulary(str(path))
    path.write_text("a\nb\na\n")
    with pytest.raises(errors.DefinitionError, match="vocab.txt' has the piece 'a' twice"):
        BertWordPieceVocabulary(str(path))


@needs_tensorflow_text
def test_datasets_outlive_the_caches_of_tensorflow(vocabulary):
    before = tf.data.Dataset.from_tensors("testing this").map(vocabulary.encode_tf)
    tf.random.set_seed(1)
    assert [ids.tolist() for ids in before.as_numpy_iterator()] == [vocabulary.encode("testing this")]
