"""Tokenising with Python, a batch of examples per call.

A Python function inside `tf.data` costs some hundred microseconds per call, and holds a lock while it runs. So examples
are batched, all text features of a batch are encoded by one call, and the batch is taken apart again. Only tensors of
one shape can be batched: whatever else an example holds (unknown lengths, ragged, sparse) is serialised before
and restored after, with its exact type. Ids travel as strings of bytes for the same reason.
"""

from __future__ import annotations

import functools
import itertools
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import tensorflow as tf

from evalkit import errors
from evalkit.columns import Array
from evalkit.vocabularies import Vocabulary, python_encoding

BATCH_SIZE = 256

Example = dict[str, Any]
Finish = Callable[[Example, Mapping[str, Any]], Example]


def tokenize_in_batches(
    dataset: tf.data.Dataset, vocabularies: Mapping[str, Vocabulary], finish: Finish
) -> tf.data.Dataset:
    """Encodes scalar text features.

    Args:
      dataset: examples as dictionaries.
      vocabularies: by the name of the feature that each encodes.
      finish: from an example as it was and the int32 `[length]` ids of these features, to the resulting example.

    Returns:
      A dataset in the same order and, where it is known, of the same cardinality.
    """
    for vocabulary in vocabularies.values():
        python_encoding.announce(type(vocabulary).__name__, vocabulary.in_graph_remedy)
    specs = dataset.element_spec
    component_specs = tf.nest.flatten(specs, expand_composites=True)
    positions = [_position(specs, name) for name in vocabularies]

    def pack(example: Example) -> tuple[Any, ...]:
        components = tf.nest.flatten(example, expand_composites=True)
        return tuple(_packed(value, spec) for value, spec in zip(components, component_specs, strict=True))

    def encode(batch: Any) -> tuple[Any, Any]:
        components = tf.nest.flatten(batch)
        texts = [components[position] for position in positions]
        encoded = tf.numpy_function(
            functools.partial(_encode_columns, vocabularies), texts, [tf.string] * len(texts), stateful=False
        )
        return tuple(components), tuple(tf.ensure_shape(rows, [None]) for rows in encoded)

    def take_apart(components: tuple[Any, ...], encoded: tuple[Any, ...]) -> Example:
        values = [_unpacked(value, spec) for value, spec in zip(components, component_specs, strict=True)]
        example = tf.nest.pack_sequence_as(specs, values, expand_composites=True)
        ids = {name: tf.io.decode_raw(row, tf.int32) for name, row in zip(vocabularies, encoded, strict=True)}
        return finish(example, ids)

    batchable = dataset if all(map(_is_batchable, tf.nest.flatten(specs))) else dataset.map(lambda e: (pack(e),))
    examples = batchable.batch(BATCH_SIZE).map(lambda *batch: encode(batch)).unbatch().map(take_apart)
    count = dataset.cardinality()
    known = count != tf.data.UNKNOWN_CARDINALITY
    return examples.apply(tf.data.experimental.assert_cardinality(count)) if known else examples


def _position(specs: Mapping[str, Any], name: str) -> int:
    """Where the tensor of a scalar feature is among all tensors of an example; `tf.nest` sorts features by name."""
    before = [spec for other, spec in specs.items() if other < name]
    return len(tf.nest.flatten(before, expand_composites=True))


def _encode_columns(vocabularies: Mapping[str, Vocabulary], *columns: Array) -> list[Array]:
    """The body of the Python function: for each column of texts, the ids of each row as bytes."""
    encoded = []
    for (name, vocabulary), texts in zip(vocabularies.items(), columns, strict=True):
        try:
            values, lengths = python_encoding.encode_rows(vocabulary, texts)
        except errors.FeatureError as error:
            raise errors.FeatureError(f"tokenize: feature {name!r}: {error}") from error
        blob = values.astype("<i4", copy=False).tobytes()
        ends = np.append(0, np.cumsum(4 * lengths)).tolist()
        encoded.append(np.array([blob[start:stop] for start, stop in itertools.pairwise(ends)], np.object_))
    return encoded


def _is_batchable(spec: Any) -> bool:
    return isinstance(spec, tf.TensorSpec) and bool(spec.shape.is_fully_defined())


def _packed(value: Any, spec: Any) -> Any:
    return value if _is_batchable(spec) else tf.io.serialize_tensor(value)


def _unpacked(value: Any, spec: Any) -> Any:
    return value if _is_batchable(spec) else tf.ensure_shape(tf.io.parse_tensor(value, spec.dtype), spec.shape)
