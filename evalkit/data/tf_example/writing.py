"""From values to protos."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt
import tensorflow as tf

from evalkit import errors
from evalkit.data.tf_example.keys import (
    RAGGED_SIZE,
    shape_key,
    tfexample_ragged_length_key,
    tfexample_sparse_indices_key,
)

Array = npt.NDArray[Any]

_RAGGED_HINT = "Make a feature whose rows differ in length a tf.RaggedTensor."


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


def _stored_arrays(name: str, value: Any, store_shapes: bool) -> dict[str, Array]:
    """What is stored of a feature, by key: its values, and what describes them."""
    if isinstance(value, tf.RaggedTensor):
        return _ragged_arrays(name, value, store_shapes)
    if isinstance(value, tf.SparseTensor):
        arrays = {name: as_array(name, value.values)}
        for dimension, along in enumerate(np.asarray(value.indices).T):
            arrays[tfexample_sparse_indices_key(name, dimension)] = along
        if store_shapes:
            arrays[shape_key(name)] = np.asarray(value.dense_shape)
        return arrays
    array = as_array(name, value)
    if store_shapes and array.ndim > 1:
        return {name: array, shape_key(name): np.array(array.shape)}
    return {name: array}


def _ragged_arrays(name: str, value: tf.RaggedTensor, store_shapes: bool) -> dict[str, Array]:
    shape = list(value.shape)
    arrays = {name: as_array(name, value.flat_values)}
    ragged = 0
    for dimension, splits in enumerate(value.nested_row_splits, start=1):
        if shape[dimension] is None:
            arrays[tfexample_ragged_length_key(name, ragged)] = np.diff(np.asarray(splits))
            ragged += 1
    if store_shapes and any(size is not None for size in shape[1:]):
        arrays[shape_key(name)] = np.array([RAGGED_SIZE if size is None else size for size in shape])
    return arrays


def as_array(name: str, value: Any) -> Array:
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
