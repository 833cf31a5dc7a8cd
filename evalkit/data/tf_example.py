"""Examples as `tf.train.Example` protos, and back.

A proto knows flat lists of int64, float32 and bytes, and nothing else. Booleans and integers become int64, floats
float32, text UTF-8. What a flat list cannot say stands in features of its own, named after the feature that they
describe; the names are seqio's, so that each reads what the other wrote:

* `_rl:<k>:<name>`: the row lengths of the `k`-th ragged dimension, counted from 0 and from the outside. A dimension
  whose rows are all of one declared length is not ragged and not counted.
* `_sp:<k>:<name>`: the indices along dimension `k` of a sparse tensor.
* `_sh:<name>`: the shape, if it was asked for; -1 stands for a ragged dimension. Those who parse with
  `tf.io.parse_single_example` have to know it anyway.

    >>> example = dict_to_tfexample({"flag": True, "tokens": [3, 4], "text": "hi"})
    >>> {name: tensor.numpy().tolist() for name, tensor in sorted(tfexample_to_dict(example).items())}
    {'flag': [1], 'text': [b'hi'], 'tokens': [3, 4]}
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import tensorflow as tf

from evalkit import errors

_RAGGED = "_rl:"
_SPARSE = "_sp:"
_SHAPE = "_sh:"
_RAGGED_SIZE = -1
_RAGGED_HINT = "Make a feature whose rows differ in length a tf.RaggedTensor."

Array = npt.NDArray[Any]


def tfexample_ragged_length_key(key: str, dim: int) -> str:
    """The name of the feature with the row lengths of the `dim`-th ragged dimension of `key`.

    >>> tfexample_ragged_length_key("frames", 0)
    '_rl:0:frames'
    """
    return f"{_RAGGED}{dim}:{key}"


def tfexample_sparse_indices_key(key: str, dim: int) -> str:
    """The name of the feature with the indices along dimension `dim` of the sparse feature `key`.

    >>> tfexample_sparse_indices_key("counts", 1)
    '_sp:1:counts'
    """
    return f"{_SPARSE}{dim}:{key}"


def dict_to_tfexample(dct: Mapping[str, Any], store_shapes: bool = False) -> tf.train.Example:
    """The proto of one example.

    Args:
      dct: by name, a tensor (dense, ragged or sparse), an array, a number, a text, or nested lists of those.
      store_shapes: whether `tfexample_to_dict` is to find the shapes of features of two and more dimensions. Without
        them, it returns dense features flat, and no sparse ones. A scalar always comes back as a list of one.

    Raises:
      FeatureError: a feature of a type that a proto cannot hold, with a number out of its range, or with rows of
        different lengths that is no ragged tensor; or two features that are stored under one name.
    """
    stored: dict[str, tf.train.Feature] = {}
    for name, value in dct.items():
        for key, array in _stored_arrays(name, value, store_shapes).items():
            if key in stored:
                raise errors.FeatureError(f"Two features are stored as {key!r}; rename one of them.")
            stored[key] = _to_feature(name, array)
    return tf.train.Example(features=tf.train.Features(feature=stored))


def tfexample_to_dict(example: tf.train.Example) -> dict[str, Any]:
    """The tensors of a proto whose features nobody knows beforehand: int64, float32 or string, ragged and sparse too.

    Where they are known, `tf.io.parse_single_example` is faster.

    Raises:
      FeatureError: the features that describe a ragged or sparse one do not belong together, or one is missing.
    """
    arrays: dict[str, tf.Tensor] = {}
    row_lengths: dict[str, dict[int, tf.Tensor]] = {}
    indices: dict[str, dict[int, tf.Tensor]] = {}
    shapes: dict[str, tf.Tensor] = {}
    for key, feature in example.features.feature.items():
        tensor = _to_tensor(feature)
        if key.startswith((_RAGGED, _SPARSE)):
            _, dimension, name = key.split(":", 2)
            group = row_lengths if key.startswith(_RAGGED) else indices
            group.setdefault(name, {})[int(dimension)] = tensor
        elif key.startswith(_SHAPE):
            shapes[key.removeprefix(_SHAPE)] = tensor
        else:
            arrays[key] = tensor
    for name in {**row_lengths, **indices, **shapes}:
        if name not in arrays:
            raise errors.FeatureError(f"There is a description of feature {name!r} in the proto, and no values of it.")
    return {
        name: _assembled(name, values, row_lengths.get(name), indices.get(name), shapes.get(name))
        for name, values in arrays.items()
    }


def _stored_arrays(name: str, value: Any, store_shapes: bool) -> dict[str, Array]:
    """What is stored of a feature, by key: its values, and what describes them."""
    if isinstance(value, tf.RaggedTensor):
        return _ragged_arrays(name, value, store_shapes)
    if isinstance(value, tf.SparseTensor):
        arrays = {name: _as_array(name, value.values)}
        for dimension, along in enumerate(np.asarray(value.indices).T):
            arrays[tfexample_sparse_indices_key(name, dimension)] = along
        if store_shapes:
            arrays[_SHAPE + name] = np.asarray(value.dense_shape)
        return arrays
    array = _as_array(name, value)
    if store_shapes and array.ndim > 1:
        return {name: array, _SHAPE + name: np.array(array.shape)}
    return {name: array}


def _ragged_arrays(name: str, value: tf.RaggedTensor, store_shapes: bool) -> dict[str, Array]:
    shape = list(value.shape)
    arrays = {name: _as_array(name, value.flat_values)}
    ragged = 0
    for dimension, splits in enumerate(value.nested_row_splits, start=1):
        if shape[dimension] is None:
            arrays[tfexample_ragged_length_key(name, ragged)] = np.diff(np.asarray(splits))
            ragged += 1
    if store_shapes and any(size is not None for size in shape[1:]):
        arrays[_SHAPE + name] = np.array([_RAGGED_SIZE if size is None else size for size in shape])
    return arrays


def _as_array(name: str, value: Any) -> Array:
    """`value` as an array; text as an array of objects, since one of numpy's `S` type forgets zero bytes at its end."""
    if isinstance(value, tf.Tensor):
        value = value.numpy()
    if isinstance(value, str | bytes):
        return np.array(value, dtype=object)
    try:
        array = np.asarray(value)
        return np.array(value, dtype=object) if array.dtype.kind in "US" else array
    except ValueError as error:
        raise errors.FeatureError(f"Feature {name!r} is no array: {error}. {_RAGGED_HINT}") from error


def _to_feature(name: str, array: Array) -> tf.train.Feature:
    kind = array.dtype.kind
    if kind in "bi":
        return tf.train.Feature(int64_list=tf.train.Int64List(value=array.astype(np.int64).ravel().tolist()))
    if kind == "u":
        return _unsigned(name, array)
    if kind == "O":
        return tf.train.Feature(bytes_list=tf.train.BytesList(value=[_as_bytes(name, text) for text in array.ravel()]))
    if kind == "f" or array.dtype == tf.bfloat16.as_numpy_dtype:
        return tf.train.Feature(float_list=tf.train.FloatList(value=_as_float32(name, array).ravel().tolist()))
    raise errors.FeatureError(
        f"Feature {name!r} is of type {array.dtype}, which tf.train.Example cannot hold; expected booleans, integers, "
        "floats or text."
    )


def _unsigned(name: str, array: Array) -> tf.train.Feature:
    largest = np.iinfo(np.int64).max
    if array.dtype == np.uint64 and array.size and array.max() > largest:
        raise errors.FeatureError(f"Feature {name!r} holds {array.max()}; tf.train.Example ends at {largest}.")
    return tf.train.Feature(int64_list=tf.train.Int64List(value=array.ravel().tolist()))


def _as_float32(name: str, array: Array) -> Array:
    try:
        with np.errstate(over="raise"):
            return array.astype(np.float32)
    except FloatingPointError as error:
        raise errors.FeatureError(
            f"Feature {name!r} holds a {array.dtype} that is no finite float32, and tf.train.Example has no other "
            "floats. Scale it, or store it as text."
        ) from error


def _as_bytes(name: str, text: Any) -> bytes:
    if isinstance(text, str):
        return text.encode("utf-8")
    if isinstance(text, bytes):
        return text
    raise errors.FeatureError(
        f"Feature {name!r} holds {text!r} of type {type(text).__name__}, which tf.train.Example cannot hold; expected "
        f"booleans, integers, floats or text.{_hint(text)}"
    )


def _hint(value: Any) -> str:
    if isinstance(value, Mapping):
        return " flatten_dict takes dictionaries apart."
    return f" {_RAGGED_HINT}" if isinstance(value, np.ndarray | list) else ""


def _to_tensor(feature: tf.train.Feature) -> tf.Tensor:
    kind = feature.WhichOneof("kind")
    if kind == "int64_list":
        return tf.constant(list(feature.int64_list.value), tf.int64)
    if kind == "float_list":
        return tf.constant(list(feature.float_list.value), tf.float32)
    return tf.constant(list(feature.bytes_list.value), tf.string)


def _assembled(
    name: str,
    values: tf.Tensor,
    row_lengths: Mapping[int, tf.Tensor] | None,
    indices: Mapping[int, tf.Tensor] | None,
    shape: tf.Tensor | None,
) -> Any:
    """The tensor of a feature, of its values and what describes them."""
    if indices is not None and shape is None:
        raise errors.FeatureError(
            f"The shape of the sparse feature {name!r} is not in the proto; write it with store_shapes=True."
        )
    try:
        if row_lengths is not None:
            return _ragged(values, _in_order(row_lengths), shape)
        if indices is not None:
            return tf.SparseTensor(tf.stack(_in_order(indices), axis=1), values, shape)
        return values if shape is None else tf.reshape(values, shape)
    except (ValueError, tf.errors.InvalidArgumentError) as error:
        raise errors.FeatureError(f"Feature {name!r} does not fit its description in the proto: {error}") from error


def _in_order(parts: Mapping[int, tf.Tensor]) -> list[tf.Tensor]:
    if sorted(parts) != list(range(len(parts))):
        raise ValueError(f"the dimensions are {sorted(parts)}, expected 0 to {max(parts)}.")
    return [parts[dimension] for dimension in range(len(parts))]


def _ragged(values: tf.Tensor, row_lengths: Sequence[tf.Tensor], shape: tf.Tensor | None) -> tf.RaggedTensor:
    """The ragged tensor of these values. Without a shape, each dimension but the first is ragged."""
    rows = int(row_lengths[0].shape[0])
    sizes = [rows] + [_RAGGED_SIZE] * len(row_lengths) if shape is None else shape.numpy().tolist()
    if sizes.count(_RAGGED_SIZE) != len(row_lengths):
        raise ValueError(f"the shape is {sizes}, and there are row lengths of {len(row_lengths)} ragged dimensions.")
    partitioned = 1 + max(index for index, size in enumerate(sizes) if size == _RAGGED_SIZE)
    lengths = iter(row_lengths)
    partitions = []
    rows = sizes[0]
    for size in sizes[1:partitioned]:
        inside = next(lengths) if size == _RAGGED_SIZE else None
        partitions.append((rows, size, inside))
        rows = rows * size if inside is None else int(tf.reduce_sum(inside))
    tensor: Any = tf.reshape(values, [rows, *sizes[partitioned:]])
    for outside, size, inside in reversed(partitions):
        if inside is None:
            tensor = tf.RaggedTensor.from_uniform_row_length(tensor, size, nrows=outside)
        else:
            tensor = tf.RaggedTensor.from_row_lengths(tensor, inside)
    return tensor
