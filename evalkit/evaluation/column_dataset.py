"""From `Columns` back to a `tf.data.Dataset`, without copying them and without Python.

The dataset's graph captures the flat arrays themselves, cuts a chunk of some hundred examples out of them with a few
vectorised ops, and unbatches it. An element costs a few microseconds, whatever its features cost to make.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping
from typing import Any, final

import numpy as np
import tensorflow as tf

from evalkit.columns import Array, Column, Columns
from evalkit.evaluation.column_storage import ALIGNMENT
from evalkit.transforms.windows import remember_windows

CHUNK = 256
"""Examples cut at a time; between 64 and 1,024 the cost per example differs by less than a third."""

SHARED_DTYPES = frozenset(np.dtype(name) for name in "i1 i2 i4 i8 u1 u2 u4 u8 f2 f4 f8".split())
"""What TensorFlow and numpy both exchange through DLPack; an array of another dtype is copied."""


def dataset_of(columns: Columns, element_spec: Mapping[str, Any]) -> Any:
    """The columns' examples as a `tf.data.Dataset` of known length.

    Args:
      columns: at least one column.
      element_spec: dtype and static shape of each feature, as the data set had that the columns were read from.

    Returns:
      A dataset with exactly this `element_spec`, in the order of the columns.
    """
    num_examples = columns.num_examples
    features = {name: _Feature(column, element_spec[name]) for name, column in columns.items()}

    def chunk(number: Any) -> dict[str, Any]:
        start = number * CHUNK
        stop = tf.minimum(start + CHUNK, num_examples)
        return {name: feature.rows(start, stop) for name, feature in features.items()}

    def example(rows: dict[str, Any]) -> dict[str, Any]:
        return {name: feature.example(rows[name]) for name, feature in features.items()}

    unconverted = tf.autograph.experimental.do_not_convert  # converting costs more than building the graph
    numbers = tf.data.Dataset.range(math.ceil(num_examples / CHUNK))
    chunks = numbers.map(unconverted(chunk))
    if all(feature.is_ragged or feature.size for feature in features.values()):
        dataset = chunks.unbatch()
    else:  # `unbatch` crashes the process where an element has no values (TensorFlow 2.21)
        dataset = chunks.flat_map(tf.data.Dataset.from_tensor_slices)
    if any(feature.is_ragged for feature in features.values()):
        dataset = dataset.map(unconverted(example))
    dataset = dataset.apply(tf.data.experimental.assert_cardinality(num_examples)).with_options(_without_copies())
    if any(column.shapes is not None for column in columns.values()):
        return dataset  # rows of several ragged dimensions are not padded to one window

    def open_windows(names: Collection[str], padding: Mapping[str, Any]) -> Any:
        def window(number: Any) -> dict[str, Any]:
            rows = chunk(number)
            return {name: padded(rows[name], padding.get(name)) for name in names}

        windows = numbers.map(unconverted(window), num_parallel_calls=tf.data.AUTOTUNE)
        return windows.with_options(_without_copies())

    return remember_windows(dataset, open_windows)


def _without_copies() -> Any:
    """Options without the rewriting of graphs, which copies the arrays that a graph has captured and keeps the copy."""
    options = tf.data.Options()
    options.experimental_optimization.apply_default_optimizations = False
    return options


def padded(rows: Any, value: Any) -> Any:
    """Ragged rows as `[rows, longest]`, filled at the end with `value` (None: zeros, empty strings)."""
    return rows.to_tensor(default_value=value) if isinstance(rows, tf.RaggedTensor) else rows


@final
class _Feature:
    """One column's arrays as tensors, and the ops that cut examples out of them."""

    def __init__(self, column: Column, spec: Any) -> None:
        self._spec = spec
        self.is_ragged = None in column.shape
        self.size = 0 if self.is_ragged else math.prod(size or 0 for size in column.shape)
        self._is_padded = not self.is_ragged and int(column.splits[-1]) < len(column) * self.size
        self._values = shared_tensor(column.values)
        self._splits = shared_tensor(column.splits)
        self._shapes = None if column.shapes is None else shared_tensor(column.shapes)
        self._byte_splits = None if column.byte_splits is None else shared_tensor(column.byte_splits)

    def rows(self, start: Any, stop: Any) -> Any:
        """Examples `start` to `stop`: `[stop - start, ...]`, or the flattened rows (and their shapes) where sizes
        differ.
        """
        splits = self._splits[start : stop + 1]
        values = self._elements(splits[0], splits[-1])
        if not self.is_ragged and not self._is_padded:
            return tf.reshape(values, [stop - start, *self._spec.shape])
        ragged = tf.RaggedTensor.from_row_splits(values, splits - splits[0], validate=False)
        if self._is_padded:
            return tf.reshape(ragged.to_tensor(shape=[None, self.size]), [stop - start, *self._spec.shape])
        return ragged if self._shapes is None else (ragged, self._shapes[start:stop])

    def example(self, row: Any) -> Any:
        """The example's tensor from its part of `rows`."""
        if not self.is_ragged:
            return row
        flat, shape = row if isinstance(row, tuple) else (row, [-1])
        values = flat.values if isinstance(flat, tf.RaggedTensor) else flat
        return tf.ensure_shape(tf.reshape(values, shape), self._spec.shape)

    def _elements(self, start: Any, stop: Any) -> Any:
        if self._byte_splits is None:
            values = self._values[start:stop]
            return values if values.dtype == self._spec.dtype else tf.cast(values, self._spec.dtype)
        ends = self._byte_splits[start : stop + 1]
        blob = bytes_as_string(self._values[ends[0] : ends[-1]])
        return tf.strings.substr(blob, ends[:-1] - ends[0], ends[1:] - ends[:-1])


def bytes_as_string(values: Any) -> Any:
    """The uint8 vector `values` as one scalar string.

    TensorFlow has no op for that. A serialised tensor ends with its raw contents, the last field of the message.
    """
    serialized = tf.io.serialize_tensor(values)
    size = tf.size(values)
    return tf.strings.substr(serialized, tf.strings.length(serialized) - size, size)


def shared_tensor(array: Array) -> Any:
    """`array` as a tensor that shares its memory where TensorFlow can, else a copy; bool comes as uint8."""
    if array.dtype == np.bool_:
        array = array.view(np.uint8)
    if array.dtype in SHARED_DTYPES and array.size and array.ctypes.data % ALIGNMENT == 0 and array.flags.writeable:
        return tf.experimental.dlpack.from_dlpack(array.__dlpack__())
    return tf.constant(array)
