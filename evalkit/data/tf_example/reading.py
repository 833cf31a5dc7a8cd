"""From protos to tensors."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import tensorflow as tf

from evalkit import errors
from evalkit.data.tf_example.keys import RAGGED_SIZE, split_key


def tfexample_to_dict(example: tf.train.Example) -> dict[str, Any]:
    """The tensors of a proto whose features nobody knows beforehand: int64, float32 or string, ragged and sparse too.

    Where they are known, `tf.io.parse_single_example` is faster.

    Raises:
      FeatureError: the features that describe a ragged or sparse one do not belong together, or one is missing.
    """
    parts: dict[str, dict[str, dict[int, tf.Tensor]]] = {}
    for key, feature in example.features.feature.items():
        kind, dimension, name = split_key(key)
        parts.setdefault(name, {}).setdefault(kind, {})[dimension] = _to_tensor(feature)
    return {name: _assembled(name, kinds) for name, kinds in parts.items()}


def _to_tensor(feature: tf.train.Feature) -> tf.Tensor:
    kind = feature.WhichOneof("kind")
    if kind == "int64_list":
        return tf.constant(list(feature.int64_list.value), tf.int64)
    if kind == "float_list":
        return tf.constant(list(feature.float_list.value), tf.float32)
    return tf.constant(list(feature.bytes_list.value), tf.string)


def _assembled(name: str, kinds: Mapping[str, Mapping[int, tf.Tensor]]) -> Any:
    """The tensor of a feature, of its values and what describes them."""
    if "" not in kinds:
        raise errors.FeatureError(f"There is a description of feature {name!r} in the proto, and no values of it.")
    values = kinds[""][0]
    shape = kinds["sh"][0] if "sh" in kinds else None
    if "sp" in kinds and shape is None:
        raise errors.FeatureError(
            f"The shape of the sparse feature {name!r} is not in the proto; write it with store_shapes=True."
        )
    try:
        if "rl" in kinds:
            return _ragged(values, _in_order(kinds["rl"]), shape)
        if "sp" in kinds:
            return tf.SparseTensor(tf.stack(_in_order(kinds["sp"]), axis=1), values, shape)
        return values if shape is None else tf.reshape(values, shape)
    except (TypeError, ValueError, tf.errors.InvalidArgumentError) as error:
        raise errors.FeatureError(f"Feature {name!r} does not fit its description in the proto: {error}") from error


def _in_order(parts: Mapping[int, tf.Tensor]) -> list[tf.Tensor]:
    if sorted(parts) != list(range(len(parts))):
        raise ValueError(f"the dimensions are {sorted(parts)}, expected 0 to {max(parts)}.")
    return [parts[dimension] for dimension in range(len(parts))]


def _ragged(values: tf.Tensor, row_lengths: Sequence[tf.Tensor], shape: tf.Tensor | None) -> tf.RaggedTensor:
    """The ragged tensor of these values. Without a shape, each dimension but the first is ragged."""
    rows = int(row_lengths[0].shape[0])
    sizes = [rows] + [RAGGED_SIZE] * len(row_lengths) if shape is None else shape.numpy().tolist()
    if sizes.count(RAGGED_SIZE) != len(row_lengths):
        raise ValueError(f"the shape is {sizes}, and there are row lengths of {len(row_lengths)} ragged dimensions.")
    partitioned = 1 + max(index for index, size in enumerate(sizes) if size == RAGGED_SIZE)
    lengths = iter(row_lengths)
    partitions = []
    rows = sizes[0]
    for size in sizes[1:partitioned]:
        inside = next(lengths) if size == RAGGED_SIZE else None
        partitions.append((rows, size, inside))
        rows = rows * size if inside is None else int(tf.reduce_sum(inside))
    tensor: Any = tf.reshape(values, [rows, *sizes[partitioned:]])
    for outside, size, inside in reversed(partitions):
        if inside is None:
            tensor = tf.RaggedTensor.from_uniform_row_length(tensor, size, nrows=outside)
        else:
            tensor = tf.RaggedTensor.from_row_lengths(tensor, inside)
    return tensor
