"""What happens to ids before they are decoded, for all vocabularies alike.

A model may emit anything: ids that no piece has, and tokens after it has said that it is done. Two rules, seqio's, make
text of that: an id outside the decodable range becomes the unknown id (if the vocabulary has one), and what follows the
first end-of-sequence id is cut. They exist three times here, each for its kind of value: one list, many rows at once in
numpy, and tensors inside a graph. Rows cannot be cut inside a rectangular tensor, so there they are padded instead.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np
import tensorflow as tf

from evalkit.columns import Ragged, offsets


def listed(ids: Iterable[Any]) -> list[Any]:
    """The ids as a list; arrays (numpy, jax, eager tensors) are converted whole, never element by element."""
    if hasattr(ids, "__array__"):
        array = np.asarray(ids)
        return array.tolist() if array.ndim == 1 else list(array)
    return list(ids)


def clean_list(ids: list[Any], size: int, eos_id: Any | None, unk_id: int | None) -> list[Any]:
    """One row: ids outside `0..size - 1` become `unk_id`, the row ends with the first `eos_id`.

    >>> clean_list([5, 99, -1, 1, 7], size=10, eos_id=1, unk_id=2)
    [5, 2, 2, 1]
    """
    if unk_id is not None:
        ids = [i if 0 <= i < size else unk_id for i in ids]
    if eos_id is not None and eos_id in ids:
        ids = ids[: ids.index(eos_id) + 1]
    return ids


def clean_ragged(ids: Ragged, size: int, eos_id: Any | None, unk_id: int | None) -> Ragged:
    """Many rows at once; `ids.values` is `[total]`. Row by row the result is that of `clean_list`.

    >>> clean_ragged(Ragged.from_rows([[5, 99], [1, 7], []]), size=10, eos_id=1, unk_id=2).values.tolist()
    [5, 2, 1]
    """
    values, splits = ids
    if unk_id is not None and values.size and (values.min() < 0 or values.max() >= size):
        values = np.where((values < 0) | (values >= size), np.asarray(unk_id, values.dtype), values)
    if eos_id is None:
        return Ragged(values, splits)
    return cut_after_first(Ragged(values, splits), eos_id)


def cut_after_first(ids: Ragged, eos_id: Any) -> Ragged:
    """Every row up to and including its first `eos_id`; a row without one stays whole."""
    values, splits = ids
    found = np.flatnonzero(values == eos_id)
    if not found.size:
        return ids
    starts, stops = splits[:-1], splits[1:]
    first = np.append(found, len(values))[np.searchsorted(found, starts)]
    ends = np.minimum(first + 1, stops)
    lengths = np.maximum(ends, starts) - starts
    if ends[-1] == stops[-1] and (ends == stops).all():
        return ids
    # +1 where a kept run begins, -1 where it ends; runs of length zero cancel out.
    steps = np.zeros(len(values) + 1, np.int8)
    kept = lengths > 0
    steps[starts[kept]] += 1
    steps[ends[kept]] -= 1
    return Ragged(values[np.cumsum(steps[:-1], dtype=np.int8).view(np.bool_)], offsets(lengths))


def clean_tensor(ids: Any, size: int, eos_id: Any | None, unk_id: int | None, pad_id: int) -> Any:
    """The same in a graph, for `[..., length]` tensors, dense or ragged: after the first EOS comes `pad_id`."""
    if isinstance(ids, tf.RaggedTensor):
        if ids.flat_values.shape.rank == 1:
            row_starts = tf.gather(ids.nested_row_splits[-1], _innermost_rowids(ids))
            return ids.with_flat_values(_clean_flat(ids.flat_values, row_starts, size, eos_id, unk_id, pad_id))
        return ids.with_flat_values(clean_tensor(ids.flat_values, size, eos_id, unk_id, pad_id))
    ids = _known(ids, size, unk_id)
    if eos_id is None:
        return ids
    seen = tf.cumsum(tf.cast(tf.equal(ids, eos_id), tf.int32), axis=-1, exclusive=True)
    return tf.where(seen > 0, tf.cast(pad_id, ids.dtype), ids)


def _innermost_rowids(ids: Any) -> Any:
    splits = ids.nested_row_splits[-1]
    return tf.repeat(tf.range(tf.size(splits, splits.dtype) - 1), splits[1:] - splits[:-1])


def _clean_flat(values: Any, row_starts: Any, size: int, eos_id: Any, unk_id: int | None, pad_id: int) -> Any:
    values = _known(values, size, unk_id)
    if eos_id is None:
        return values
    seen = tf.cumsum(tf.cast(tf.equal(values, eos_id), tf.int32), exclusive=True)
    return tf.where(seen > tf.gather(seen, row_starts), tf.cast(pad_id, values.dtype), values)


def _known(ids: Any, size: int, unk_id: int | None) -> Any:
    if unk_id is None:
        return ids
    return tf.where((ids >= 0) & (ids < size), ids, tf.cast(unk_id, ids.dtype))
