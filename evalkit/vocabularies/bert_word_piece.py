"""WordPiece as BERT has it (Devlin et al. 2019, https://arxiv.org/abs/1810.04805), by tensorflow-text.

Implementations of WordPiece differ in what they do before it: which characters separate words, what becomes of control
characters and accents, whether a word is too long by its bytes or its characters. The ids are to be those of
`seqio.BertWordPieceVocabulary`, so the same library makes them, in batches and inside the graph. Decoding takes no more
than the list of pieces.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Sequence
from typing import Any, final

import tensorflow as tf

from evalkit import errors
from evalkit.columns import Ragged
from evalkit.vocabularies import python_encoding, tensorflow_text
from evalkit.vocabularies.cleaning import clean_ragged
from evalkit.vocabularies.vocabulary import Vocabulary

_FORMS = ("NFC", "NFD", "NFKC", "NFKD")


@final
class BertWordPieceVocabulary(Vocabulary):
    """The word pieces in a `vocab.txt`; the id of a piece is its line, counted from 0.

    One more id, the last, is of pieces that are not in the file, so `vocab_size` is the number of lines and one.
    Decoding joins pieces to words, and words by spaces; padding has no text. seqio's ids are the same for words of one
    piece, but they are int64 there, and a text in which a word has several pieces becomes a padded matrix.
    """

    def __init__(
        self,
        vocab_lookup_table: str,
        suffix_indicator: str = "##",
        max_bytes_per_word: int = 100,
        max_chars_per_token: int | None = None,
        token_out_type: Any = tf.int64,
        unknown_token: str = "[UNK]",
        split_unknown_characters: bool = False,
        lower_case: bool = False,
        keep_whitespace: bool = False,
        normalization_form: str | None = None,
        preserve_unused_token: bool = False,
        pad_id: int = 0,
        start_of_sequence_id: int = 101,
        end_of_sequence_id: int = 102,
    ) -> None:
        """Reads the pieces.

        Args:
          vocab_lookup_table: the path of the file, on any file system that tf.io.gfile reads; one piece a line.
          suffix_indicator: what a piece begins with that continues a word.
          max_bytes_per_word: how many bytes of UTF-8 a word may have before it is unknown.
          max_chars_per_token: how many characters a piece has at most, if known, which saves time with long words.
          token_out_type: accepted for seqio's sake; ids are int32, whichever integer type it is.
          unknown_token: the piece of what is unknown.
          split_unknown_characters: whether an unknown character is one unknown piece, rather than the word with it.
          lower_case: whether texts are lowercased, and accents dropped.
          keep_whitespace: whether white space is looked up as words are.
          normalization_form: "NFC", "NFD", "NFKC" or "NFKD"; None to leave texts as they are.
          preserve_unused_token: whether `[unused12]` in a text is one word.
          pad_id: the id of padding.
          start_of_sequence_id: the id of `[CLS]`.
          end_of_sequence_id: the id of `[SEP]`, at which decoding stops.

        Raises:
          MissingExtraError: tensorflow-text is not installed.
          SourceError: the file cannot be read.
          DefinitionError: a piece is in the file twice, or arguments contradict each other.
        """
        super().__init__()
        tensorflow_text.require("BertWordPieceVocabulary")
        _check_arguments(token_out_type, unknown_token, lower_case, normalization_form)
        pieces = _read_pieces(vocab_lookup_table)
        self._file = "\n".join(pieces).encode()
        self._options = {
            "suffix_indicator": suffix_indicator,
            "max_bytes_per_word": max_bytes_per_word,
            "max_chars_per_token": max_chars_per_token,
            "unknown_token": unknown_token,
            "split_unknown_characters": split_unknown_characters,
            "lower_case": lower_case,
            "keep_whitespace": keep_whitespace,
            "normalization_form": normalization_form,
            "preserve_unused_token": preserve_unused_token,
        }
        self._pad_id = pad_id
        self._sos_id = start_of_sequence_id
        self._eos_id = end_of_sequence_id
        self._unk_id = pieces.index(unknown_token) if unknown_token in pieces else len(pieces)
        self._texts = tuple("" if i == pad_id else piece for i, piece in enumerate([*pieces, unknown_token]))
        self._suffix = " " + suffix_indicator

    @property
    def tokenizer(self) -> Any:
        """tensorflow-text's BertTokenizer, built once."""
        return tensorflow_text.word_piece_tokenizer(self._file, tuple(self._options.items()))

    @property
    def tf_tokenizer(self) -> Any:
        """The same as `tokenizer`."""
        return self.tokenizer

    @property
    def sos_id(self) -> int:
        """The id of `[CLS]`, with which a sequence begins."""
        return self._sos_id

    @property
    def bos_id(self) -> int:
        """The same as `sos_id`."""
        return self._sos_id

    @property
    def eos_id(self) -> int:
        """The id of `[SEP]`, with which a sequence ends."""
        return self._eos_id

    @property
    def unk_id(self) -> int:
        """The id of `unknown_token`."""
        return self._unk_id

    @property
    def pad_id(self) -> int:
        """The id of padding."""
        return self._pad_id

    @property
    def _base_vocab_size(self) -> int:
        return len(self._texts)

    def _encode(self, s: str | bytes) -> list[int]:
        ids: list[int] = self._encode_batch([s]).values.tolist()
        return ids

    def _decode(self, ids: Sequence[int]) -> str:
        joined = " ".join(self._texts[int(i)] for i in ids)
        return re.sub(" +", " ", joined).replace(self._suffix, "").strip(" ")

    def _encode_tf(self, s: Any) -> Any:
        if isinstance(s, tf.RaggedTensor):
            return s.with_flat_values(self._encode_tf(s.flat_values))
        s = python_encoding.require_strings(self, s)
        ids = self.tokenizer.tokenize(tf.reshape(s, [-1])).merge_dims(1, 2)
        if s.shape.rank < 2:
            return ids if s.shape.rank else ids.flat_values
        return tf.RaggedTensor.from_tensor(s, ragged_rank=s.shape.rank - 1).with_flat_values(ids)

    def _decode_tf(self, ids: Any) -> Any:
        joined = tf.strings.reduce_join(tf.gather(tf.constant(self._texts), ids), axis=-1, separator=" ")
        words = tf.strings.regex_replace(tf.strings.regex_replace(joined, " +", " "), re.escape(self._suffix), "")
        return tf.strings.regex_replace(words, "^ +| +$", "")

    def _encode_batch(self, texts: Sequence[str | bytes]) -> Ragged:
        ids = self._encode_tf(tf.constant(list(texts), tf.string, [len(texts)]))
        return Ragged(ids.flat_values.numpy(), ids.row_splits.numpy())

    def _decode_batch(self, ids: Ragged) -> list[str]:
        values, splits = clean_ragged(ids, self._decodable_size, self.eos_id, self.unk_id)
        listed = values.tolist()
        return [self._decode(listed[start:stop]) for start, stop in itertools.pairwise(splits.tolist())]

    def _content(self) -> bytes:
        options = (*self._options.values(), self._pad_id, self._sos_id, self._eos_id)
        return repr(options).encode() + self._file


def _check_arguments(token_out_type: Any, unknown_token: Any, lower_case: bool, normalization_form: Any) -> None:
    if not tf.as_dtype(token_out_type).is_integer:
        raise errors.DefinitionError(
            f"token_out_type={token_out_type}; a vocabulary has integer ids, such as tf.int32."
        )
    if not isinstance(unknown_token, str) or not unknown_token:
        raise errors.DefinitionError(f"unknown_token={unknown_token!r}; expected the piece of what is unknown.")
    if normalization_form is not None and str(normalization_form).upper() not in _FORMS:
        raise errors.DefinitionError(f"normalization_form={normalization_form!r}; expected one of {_FORMS}, or None.")
    if lower_case and normalization_form not in (None, "NFD"):
        raise errors.DefinitionError(
            f"lower_case=True normalises texts to NFD, and normalization_form is {normalization_form!r}; drop one."
        )


def _read_pieces(path: str) -> list[str]:
    try:
        with tf.io.gfile.GFile(path, "rb") as file:
            content: bytes = file.read()
        lines = content.decode("utf-8").replace("\r", "").removesuffix("\n").split("\n")
    except (tf.errors.OpError, UnicodeDecodeError) as error:
        raise errors.SourceError(f"The word pieces cannot be read from {path!r}: {error}") from error
    if len(set(lines)) < len(lines):
        twice = next(line for index, line in enumerate(lines) if line in lines[:index])
        raise errors.DefinitionError(f"{path!r} has the piece {twice!r} twice; the id of a piece is its line.")
    return lines
