"""Appending one id to sequences: to tensors of any rank in a graph, and to many rows in numpy."""

from __future__ import annotations

import dataclasses
from typing import Any, final

import numpy as np
import tensorflow as tf

from evalkit.columns import Ragged, offsets


@final
@dataclasses.dataclass(frozen=True)
class Ending:
    """How the sequences of a feature end.

    Attributes:
      eos_id: what is appended.
      room: how many elements may stand before it, the rest is cut; None for any number.
    """

    eos_id: int
    room: int | None = None

    def append(self, rows: Ragged) -> Ragged:
        """Ends every row.

        >>> Ending(9, room=2).append(Ragged.from_rows([[1, 2, 3], []])).values.tolist()
        [1, 2, 9, 9]
        """
        values, splits = rows
        lengths = rows.lengths
        if self.room is not None and (lengths > self.room).any():
            within_row = np.arange(len(values)) - np.repeat(splits[:-1], lengths)
            values = values[within_row < self.room]
            lengths = np.minimum(lengths, self.room)
        values = np.insert(values, np.cumsum(lengths), self.eos_id)
        return Ragged(values, offsets(lengths + 1))

    def append_tensor(self, value: Any) -> Any:
        """The same for one example's tensor `[..., length]`, dense or ragged: every innermost row."""
        return append_to_rows(value if self.room is None else value[..., : self.room], self.eos_id)


def append_to_rows(value: Any, scalar: int) -> Any:
    """`[..., length]`, dense or ragged, to `[..., length + 1]`: every innermost row ends with `scalar`.

    >>> append_to_rows(tf.ragged.constant([[1, 2], []]), 9).to_list()
    [[1, 2, 9], [9]]
    """
    last = tf.cast(scalar, value.dtype)
    if isinstance(value, tf.RaggedTensor):
        if value.ragged_rank > 1 or value.values.shape.rank > 1:
            return value.with_values(append_to_rows(value.values, scalar))
        return tf.concat([value, tf.fill([value.nrows(), 1], last)], axis=1)
    if value.shape.rank == 1:
        return tf.concat([value, last[tf.newaxis]], axis=0)
    before = tf.zeros([tf.rank(value) - 1, 2], tf.int32)
    return tf.pad(value, tf.concat([before, [[0, 1]]], axis=0), constant_values=last)


def append_to_last_rows(value: Any, scalar: int) -> Any:
    """Of the tokens of texts: the last text of every innermost list of texts ends with `scalar`.

    Tokens of one text (`[length]`) stay dense; those of texts of rank 1 and more come back ragged.

    >>> append_to_last_rows(tf.ragged.constant([[1, 2], [3]]), 9).to_list()
    [[1, 2], [3, 9]]
    """
    if not isinstance(value, tf.RaggedTensor):
        if value.shape.rank == 1:
            return append_to_rows(value, scalar)
        value = tf.RaggedTensor.from_tensor(value, ragged_rank=value.shape.rank - 1)
    if value.ragged_rank > 2:
        return value.with_values(append_to_last_rows(value.values, scalar))
    if value.ragged_rank == 1:
        texts = value.nrows()
        return _extended(value, tf.range(texts) == texts - 1, scalar)
    texts, ends = value.values, value.row_splits
    not_empty = tf.boolean_mask(ends[1:], ends[1:] > ends[:-1])
    is_last = tf.scatter_nd((not_empty - 1)[:, tf.newaxis], tf.ones_like(not_empty), [texts.nrows()]) > 0
    return value.with_values(_extended(texts, is_last, scalar))


def _extended(texts: Any, chosen: Any, scalar: int) -> Any:
    """Ragged `[texts, (length)]` with `scalar` after the rows that are chosen."""
    lengths = tf.cast(chosen, texts.row_splits.dtype)
    suffix = tf.fill([tf.reduce_sum(lengths)], tf.cast(scalar, texts.dtype))
    return tf.concat([texts, tf.RaggedTensor.from_row_lengths(suffix, lengths, validate=False)], axis=1)
