"""A vocabulary's Python functions inside a TensorFlow graph.

For vocabularies without TensorFlow operations of their own. Strings of any shape are flattened, encoded by one call of
the batched Python function, and put back into their shape. The price is TensorFlow's: an iterator over a dataset with a
Python function inside cannot be saved in a checkpoint, and the graph cannot leave the process. A log line says so once.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Sequence
from typing import Any, Protocol

import numpy as np
import tensorflow as tf
from absl import logging

from evalkit import errors
from evalkit.columns import Array, Ragged


class Batched(Protocol):
    """The part of a vocabulary that is called here."""

    def encode_batch(self, texts: Sequence[str | bytes]) -> Ragged:
        """Ids of many texts."""

    def decode_batch(self, ids: Ragged) -> list[Any]:
        """Texts of many rows of ids."""


@functools.cache
def announce(vocabulary: str, remedy: str) -> None:
    """Logs, once per vocabulary class and process, what a Python function in the dataset costs."""
    logging.info(
        "%s tokenises through a Python function: iterators over such a tf.data.Dataset cannot be checkpointed. %s",
        vocabulary,
        remedy,
    )


def encode_strings(vocabulary: Batched, strings: Any) -> Any:
    """int32 ids of a string tensor: `[length]` for a scalar, else ragged, the shape of `strings` plus one dimension.

    Raises:
      FeatureError: `strings` is not a string tensor, or its rank is unknown.
    """
    if isinstance(strings, tf.RaggedTensor):
        return strings.with_flat_values(encode_strings(vocabulary, strings.flat_values))
    strings = require_strings(vocabulary, strings)
    rank = strings.shape.rank
    values, lengths = tf.numpy_function(
        functools.partial(encode_rows, vocabulary), [tf.reshape(strings, [-1])], [tf.int32, tf.int64], stateful=False
    )
    values.set_shape([None])
    if rank == 0:
        return values
    lengths.set_shape([strings.shape.num_elements()])
    tokens = tf.RaggedTensor.from_row_lengths(values, lengths, validate=False)
    return tokens if rank == 1 else tf.RaggedTensor.from_tensor(strings, ragged_rank=rank - 1).with_flat_values(tokens)


def require_strings(vocabulary: Batched, strings: Any) -> Any:
    """`strings` as a tensor.

    Raises:
      FeatureError: it is not a string tensor, or its rank is unknown.
    """
    strings = tf.convert_to_tensor(strings)
    if strings.dtype != tf.string or strings.shape.rank is None:
        raise errors.FeatureError(
            f"{type(vocabulary).__name__} encodes string tensors of known rank, found {strings.dtype.name} of shape "
            f"{strings.shape}. Has it been tokenised before? (tf.ensure_shape gives a rank where it is unknown.)"
        )
    return strings


def encode_rows(vocabulary: Batched, texts: Array) -> tuple[Array, Array]:
    """The body of the Python function: ids end to end (int32), and the length of each row (int64).

    Raises:
      FeatureError: a text that the vocabulary cannot encode; the message quotes it.
    """
    try:
        ids = vocabulary.encode_batch(texts.tolist())
    except Exception as error:
        raise _culprit(vocabulary, texts.tolist(), error) from error
    return ids.values.astype(np.int32, copy=False), ids.lengths


def _culprit(vocabulary: Batched, texts: list[bytes], error: Exception) -> errors.FeatureError:
    """The error for the first of `texts` that cannot be encoded by itself."""
    for text in texts:
        try:
            vocabulary.encode_batch([text])
        except Exception as alone:  # noqa: BLE001 - any failure of a user's vocabulary; it is reported below
            quoted = text if len(text) <= 80 else text[:80] + b"..."
            reason = f"{type(alone).__name__}: {alone}"
            return errors.FeatureError(f"{type(vocabulary).__name__} cannot encode the text {quoted!r}: {reason}")
    return errors.FeatureError(
        f"{type(vocabulary).__name__} encodes each of {len(texts)} texts by itself, but not all at once: {error}"
    )


def decode_ids(vocabulary: Batched, ids: Any) -> Any:
    """Strings `[...]` of integers `[..., length]`, dense or ragged."""
    if isinstance(ids, tf.RaggedTensor):
        if ids.ragged_rank > 1 or ids.values.shape.rank != 1:
            return ids.with_values(decode_ids(vocabulary, ids.values))
        return _decode_rows(vocabulary, ids.values, ids.row_splits)
    ids = tf.convert_to_tensor(ids)
    if tf.executing_eagerly():
        splits = np.arange(math.prod(ids.shape[:-1]) + 1, dtype=np.int64) * ids.shape[-1]
        return tf.constant(_texts(vocabulary, ids.numpy().reshape(-1), splits), tf.string, ids.shape[:-1])
    shape = tf.shape(ids, tf.int64)
    splits = tf.range(tf.reduce_prod(shape[:-1]) + 1) * shape[-1]
    texts = tf.reshape(_decode_rows(vocabulary, tf.reshape(ids, [-1]), splits), shape[:-1])
    return tf.ensure_shape(texts, ids.shape[:-1])


def _texts(vocabulary: Batched, values: Array, splits: Array) -> Array:
    return np.array([text.encode("utf-8") for text in vocabulary.decode_batch(Ragged(values, splits))], np.object_)


def _decode_rows(vocabulary: Batched, values: Any, splits: Any) -> Any:
    decode = functools.partial(_texts, vocabulary)
    texts = tf.numpy_function(decode, [values, tf.cast(splits, tf.int64)], tf.string, stateful=False)
    texts.set_shape([None])
    return texts
