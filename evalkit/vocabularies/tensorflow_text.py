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
    """A new tokenizer of a serialized model, as a part of the graph that is being built, if there is one.

    What holds the model belongs to the operation that read it. One that was made outside of the graph is gone with
    TensorFlow's caches, which `tf.random.set_seed` empties, and then no dataset that uses it can be read any more.

    Raises:
      MissingExtraError: tensorflow-text is not installed.
    """
    require("SentencePieceVocabulary.tf_tokenizer")
    module: Any = _module()
    return module.SentencepieceTokenizer(model=model)


def word_piece_tokenizer(file: bytes, options: tuple[tuple[str, Any], ...]) -> Any:
    """The BERT tokenizer with the pieces of `file`, one a line, and these arguments; one object in eager execution.

    Ids are int32; those of pieces that are not in the file are the number of its lines. The table of pieces is a named
    resource, built outside of whatever function is being traced, so that it can be used in the next one too.

    Raises:
      MissingExtraError: tensorflow-text is not installed.
    """
    require("BertWordPieceVocabulary")
    with tf.init_scope():
        return _shared_word_piece(file, options) if tf.executing_eagerly() else _word_piece(file, options)


def _word_piece(file: bytes, options: tuple[tuple[str, Any], ...]) -> Any:
    module: Any = _module()
    pieces = file.split(b"\n")
    known = tf.lookup.KeyValueTensorInitializer(tf.constant(pieces), tf.range(len(pieces), dtype=tf.int64))
    table = tf.lookup.StaticVocabularyTable(known, num_oov_buckets=1)
    return module.BertTokenizer(table, token_out_type=tf.int32, **dict(options))


_shared_word_piece = functools.lru_cache(maxsize=16)(_word_piece)
