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


def sentencepiece_tokenizer(model: bytes) -> Any:
    """The tokenizer of a serialized model; the same object for the same model, in eager execution.

    It holds a resource, so it is built outside of whatever function is being traced; one that was built inside could
    not be used in the next function. Building takes milliseconds, which seqio spends on every access.

    Raises:
      MissingExtraError: tensorflow-text is not installed.
    """
    if not is_installed():
        raise errors.missing_extra("tensorflow-text", "text", "SentencePieceVocabulary.tf_tokenizer")
    with tf.init_scope():
        return _shared(model) if tf.executing_eagerly() else _built(model)


def _built(model: bytes) -> Any:
    module: Any = _module()
    return module.SentencepieceTokenizer(model=model)


_shared = functools.lru_cache(maxsize=16)(_built)
