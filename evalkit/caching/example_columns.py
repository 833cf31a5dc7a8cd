"""The examples of a dataset as batches of flat columns, each by the name under which a proto stores it.

The loop over examples is TensorFlow's: every feature is flattened in the graph, with the row lengths of its ragged
dimensions beside it, and hundreds of examples arrive as a few arrays.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, final

import numpy as np
import tensorflow as tf

from evalkit.columns import Array, Ragged
from evalkit.data.tf_example import StoredFeature, tfexample_ragged_length_key
from evalkit.errors import FeatureError

BATCH = 512
"""Examples read at a time: large enough that a batch's Python costs nothing per example."""

StoredColumns = Mapping[str, Ragged]
"""By key: the flat values of all examples of a batch (text as an object array of bytes), and where each begins."""

_unconverted = tf.autograph.experimental.do_not_convert


@final
class ExampleColumns:
    """Reads a dataset once, and learns meanwhile what its features are stored as."""

    def __init__(self, dataset: tf.data.Dataset) -> None:
        """Checks what the type of the examples tells; nothing is read.

        Raises:
          FeatureError: examples are no dictionaries, or a feature cannot be stored; the message names it.
        """
        spec = dataset.element_spec
        if not isinstance(spec, Mapping):
            raise FeatureError(f"Examples that are cached must be dictionaries of features, found {spec}.")
        self._dataset = dataset
        self._readers = [_FeatureReader(name, part) for name, part in spec.items()]

    @property
    def features(self) -> list[StoredFeature]:
        """What the features are stored as; sizes that the type does not tell are those of the examples read so far."""
        return [reader.stored for reader in self._readers]

    def batches(self) -> Iterator[StoredColumns]:
        """The examples, in order, `BATCH` at a time.

        Raises:
          FeatureError: a dense feature has rows of different sizes.
          tf.errors.OpError: reading or preprocessing failed.
        """

        def flatten(example: Mapping[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
            flat: dict[str, Any] = {}
            for reader in self._readers:
                flat.update(reader.flat(example[reader.name]))
            return flat, {reader.name: tf.shape(example[reader.name]) for reader in self._readers if reader.varies}

        batched = self._dataset.map(_unconverted(flatten)).ragged_batch(BATCH)
        for flat, shapes in batched.prefetch(1):
            for reader in self._readers:
                if reader.varies:
                    reader.check_sizes(shapes[reader.name].numpy())
            yield {key: _column(values) for key, values in flat.items()}


@final
class _FeatureReader:
    """One feature: how it is flattened, and what it is stored as."""

    def __init__(self, name: str, spec: Any) -> None:
        self.name = name
        if isinstance(spec, Mapping | tuple | list):
            raise FeatureError(f"Feature {name!r} is nested; take it apart with flatten_dict in a preprocessor.")
        if spec.shape.rank is None:
            raise FeatureError(f"Feature {name!r} is of unknown rank; say what it is with tf.ensure_shape.")
        self.stored = StoredFeature.of_type(name, spec)
        self._is_ragged = isinstance(spec, tf.RaggedTensorSpec)
        if self._is_ragged and None in spec.shape[spec.ragged_rank + 1 :]:
            raise FeatureError(
                f"Feature {name!r} is ragged, with dense rows of unknown size: {spec}. Say their size with "
                "tf.ensure_shape on its flat_values."
            )
        self.varies = not self._is_ragged and None in self.stored.shape[1:]

    def flat(self, value: Any) -> dict[str, Any]:
        """The values of one example and the lengths of its ragged rows, each of rank 1, by key."""
        if not self._is_ragged:
            return {self.name: tf.reshape(value, [-1])}
        flat = {self.name: tf.reshape(value.flat_values, [-1])}
        ragged = [dimension for dimension, size in enumerate(self.stored.shape) if dimension and size is None]
        for number, dimension in enumerate(ragged):
            lengths = value.nested_row_lengths()[dimension - 1]
            flat[tfexample_ragged_length_key(self.name, number)] = tf.cast(lengths, tf.int64)
        return flat

    def check_sizes(self, shapes: Array) -> None:
        """Takes the shapes of a batch, int32 `[batch, rank]`: only the first dimension may differ between examples.

        Raises:
          FeatureError: another one does.
        """
        expected = shapes[0, 1:] if None in self.stored.shape[1:] else np.array(self.stored.shape[1:])
        others = shapes[(shapes[:, 1:] != expected).any(axis=1)]
        if len(others):
            raise FeatureError(
                f"Feature {self.name!r} has rows of different sizes: one example is of shape {others[0].tolist()}, "
                f"another of [?, {', '.join(map(str, expected))}]. Pad them, or make it ragged "
                "(tf.RaggedTensor.from_tensor)."
            )
        self.stored = StoredFeature(self.name, (None, *expected.tolist()), self.stored.dtype)


def _column(values: Any) -> Ragged:
    if isinstance(values, tf.RaggedTensor):
        return Ragged(values.flat_values.numpy(), values.row_splits.numpy())
    rows = values.numpy()  # all of one size
    return Ragged(rows.reshape(-1), np.arange(len(rows) + 1) * rows.shape[1])
