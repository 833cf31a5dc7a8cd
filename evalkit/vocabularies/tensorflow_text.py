"""What is taken from tensorflow-text where it is installed: tokenizers that run inside a graph."""

from __future__ import annotations

import functools
import importlib
from typing import Any

import tensorflow as tf

from evalkit import errors


@functools.cache
def _module() -> Any | None:
    try:
        return importlib.import_module("tensorflow_text")
    except ImportError:
        return None


def is_installed() -> bool:
    """Whether tensorflow-text can be imported."""
    return _module() is not None


def require(purpose: str) -> None:
    """Checks that tensorflow-text is there.

    Raises:
      MissingExtraError: it is not installed, and `purpose` needs it.
    """
    if not is_installed():
        raise errors.missing_extra("tensorflow-text", "text", purpose)


def sentencepiece_tokenizer(model: bytes) -> Any:
    """The tokenizer of a serialized model; the same object for the same model, in eager execution.

    It holds a resource, so it is built outside of whatever function is being traced; one that was built inside could
    not be used in the next function. Building takes milliseconds, which seqio spends on every access.

    Raises:
      MissingExtraError: tensorflow-text is not installed.
    """
    require("SentencePieceVocabulary.tf_tokenizer")
    with tf.init_scope():
        return _shared_sentencepiece(model) if tf.executing_eagerly() else _sentencepiece(model)


def word_piece_tokenizer(file: bytes, options: tuple[tuple[str, Any], ...]) -> Any:
    """The BERT tokenizer with the pieces of `file`, one a line, and these arguments; shared as the one above is.

    Ids are int32; those of pieces that are not in the file are the number of its lines.

    Raises:
      MissingExtraError: tensorflow-text is not installed.
    """
    require("BertWordPieceVocabulary")
    with tf.init_scope():
        return _shared_word_piece(file, options) if tf.executing_eagerly() else _word_piece(file, options)


def _sentencepiece(model: bytes) -> Any:
    module: Any = _module()
    return module.SentencepieceTokenizer(model=model)


def _word_piece(file: bytes, options: tuple[tuple[str, Any], ...]) -> Any:
    module: Any = _module()
    pieces = file.split(b"\n")
    known = tf.lookup.KeyValueTensorInitializer(tf.constant(pieces), tf.range(len(pieces), dtype=tf.int64))
    table = tf.lookup.StaticVocabularyTable(known, num_oov_buckets=1)
    return module.BertTokenizer(table, token_out_type=tf.int32, **dict(options))


_shared_sentencepiece = functools.lru_cache(maxsize=16)(_sentencepiece)
_shared_word_piece = functools.lru_cache(maxsize=16)(_word_piece)
