"""From a `tf.data.Dataset` of examples to `Columns`, in one pass.

The loop over examples is TensorFlow's: the data set is batched into ragged batches, and Python sees a few arrays per
batch of hundreds. Numbers of fixed shape are kept without the zeros at their end where that saves a fifth or more
(padded model features are mostly zeros); `Column` gives them back.
"""

from __future__ import annotations

import dataclasses
import urllib.parse
from collections.abc import Mapping
from typing import Any, final

import numpy as np
import tensorflow as tf

from evalkit.columns import Array, Column, Columns, offsets
from evalkit.errors import FeatureError
from evalkit.evaluation.column_storage import ArrayStorage
from evalkit.transforms.windows import remembers_windows, windows_of

BATCH = 512
"""Examples read at a time: large enough that a batch's Python costs nothing per example."""

WORTH_TRIMMING = 0.8
"""Rows are kept without their trailing zeros when those of the first batch fill at most this share of its size."""


def read_columns(dataset: Any, storage: ArrayStorage) -> Columns:
    """Reads all of `dataset`, whose elements are dictionaries of tensors, into `storage`.

    Args:
      dataset: a finite `tf.data.Dataset`.
      storage: receives the arrays.

    Returns:
      The columns, in the order of the data set; none of the data set is kept alive.

    Raises:
      FeatureError: a feature is not a dense tensor of known rank.
    """
    readers = {name: _reader(name, spec, storage) for name, spec in dataset.element_spec.items()}
    num_examples = 0
    for batch in _batches(dataset, readers):
        counts = [reader.append(batch[name], batch.get(_shape_key(name))) for name, reader in readers.items()]
        num_examples += counts[0]
    if not num_examples:
        return Columns({})
    return Columns({name: reader.finish() for name, reader in readers.items()}, num_examples)


def _shape_key(name: str) -> str:
    return f"example/shape/{name}"


def _batches(dataset: Any, readers: Mapping[str, _Reader]) -> Any:
    """Batches of flattened examples, with the shape of every feature whose shape is more than a length."""
    if remembers_windows(dataset) and all(reader.spec.shape.is_fully_defined() for reader in readers.values()):
        return windows_of(dataset, list(readers))  # converted in windows: no need to take them apart
    shaped = [name for name, reader in readers.items() if reader.needs_shapes]

    def flatten(example: dict[str, Any]) -> dict[str, Any]:
        shapes = {_shape_key(name): tf.shape(example[name], tf.int64) for name in shaped}
        flat = {name: tf.reshape(example[name], [-1]) for name in shaped}
        return {**example, **flat, **shapes}

    return dataset.map(tf.autograph.experimental.do_not_convert(flatten)).ragged_batch(BATCH).prefetch(1)


@final
@dataclasses.dataclass
class _Reader:
    """Appends one feature, batch by batch."""

    name: str
    spec: Any
    storage: ArrayStorage
    trims: bool | None = None

    @property
    def is_text(self) -> bool:
        return bool(self.spec.dtype == tf.string)

    @property
    def shape(self) -> tuple[int | None, ...]:
        return tuple(self.spec.shape.as_list())

    @property
    def needs_shapes(self) -> bool:
        return None in self.shape and len(self.shape) > 1

    def append(self, batch: Any, shapes: Any) -> int:
        """Takes the feature's batch: `[batch, ...]`, or ragged `[batch, None]` where the size differs; its size."""
        if isinstance(batch, tf.RaggedTensor):
            values, lengths = batch.flat_values.numpy(), batch.row_lengths().numpy()
        else:
            values, lengths = self._dense(batch.numpy())
        if self.is_text:
            texts = values.reshape(-1).tolist()
            self._write("bytes", np.fromiter(map(len, texts), np.int64, len(texts)))
            values = np.frombuffer(b"".join(texts), np.uint8)
        self._write("values", values)
        self._write("lengths", lengths)
        if shapes is not None:
            self._write("shapes", shapes.to_tensor().numpy() if isinstance(shapes, tf.RaggedTensor) else shapes.numpy())
        return len(lengths)

    def _dense(self, batch: Array) -> tuple[Array, Array]:
        """Values and lengths of a batch of equal shapes `[batch, ...]`."""
        rows = batch.reshape(len(batch), -1)
        size = rows.shape[1]
        if self.is_text or not self.shape or self.trims is False or size == 0:
            return rows, np.full(len(rows), size, np.int64)
        filled = rows.view(f"u{rows.itemsize}") != 0 if rows.itemsize <= 8 else rows != 0  # -0.0 is no zero to drop
        lengths = np.where(filled.any(axis=1), size - np.argmax(filled[:, ::-1], axis=1), 0).astype(np.int64)
        if self.trims is None:
            self.trims = bool(lengths.sum() <= WORTH_TRIMMING * rows.size)
            if not self.trims:
                return rows, np.full(len(rows), size, np.int64)
        return rows[np.arange(size) < lengths[:, None]], lengths

    def _write(self, part: str, values: Array) -> None:
        self.storage.append(f"{file_name(self.name)}.{part}", values)

    def finish(self) -> Column:
        """The column of everything appended."""
        parts = ["values", "lengths"] + ["shapes"] * self.needs_shapes + ["bytes"] * self.is_text
        arrays = {part: self.storage.finish(f"{file_name(self.name)}.{part}") for part in parts}
        return column_of(arrays, self.shape)


def column_of(arrays: Mapping[str, Array], shape: tuple[int | None, ...]) -> Column:
    """A column from its stored arrays: values, lengths, and, where it has them, shapes and bytes (string lengths)."""
    splits = offsets(arrays["lengths"])
    shapes = arrays["shapes"].reshape(len(splits) - 1, -1) if "shapes" in arrays else None
    byte_splits = offsets(arrays["bytes"]) if "bytes" in arrays else None
    return Column(arrays["values"], splits, shape, shapes, byte_splits)


def file_name(feature: str) -> str:
    """The feature's name as part of a file name."""
    return urllib.parse.quote(feature, safe="")


def _reader(name: str, spec: Any, storage: ArrayStorage) -> _Reader:
    if not isinstance(spec, tf.TensorSpec) or spec.shape.rank is None:
        raise FeatureError(
            f"Feature {name!r} is {spec}: an example that is cached must have dense tensors of known rank. "
            "Convert it in a preprocessor (`to_tensor`, `tf.sparse.to_dense`, `tf.ensure_shape`)."
        )
    return _Reader(name, spec, storage)
