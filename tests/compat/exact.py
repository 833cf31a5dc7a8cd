"""Datasets to and from JSON, so that every bit of a value, its dtype and its rank can be compared.

Runs in both interpreters.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import tensorflow as tf


def dataset_of(columns: Mapping[str, Mapping[str, Any]]) -> tf.data.Dataset:
    """Examples from columns `{name: {"dtype": …, "rank": …, "rows": […]}}`.

    A column may say `"ragged": True`, and `"shape"`, which is then the static shape of each row; else all dimensions
    are unknown until they are read.
    """
    dtypes = {name: tf.as_dtype(column["dtype"]) for name, column in columns.items()}

    def spec(name: str) -> tf.TypeSpec:
        column, dtype = columns[name], dtypes[name]
        shape = column.get("shape", [None] * column["rank"])
        return tf.RaggedTensorSpec(shape, dtype) if column.get("ragged") else tf.TensorSpec(shape, dtype)

    def value(name: str, row: Any) -> Any:
        column, dtype = columns[name], dtypes[name]
        if column.get("ragged"):
            return tf.ragged.constant(row, dtype, ragged_rank=column["rank"] - 1)
        array = np.array(row, dtype.as_numpy_dtype)
        # What has no elements has lost its shape.
        return array if array.size else array.reshape([size or 0 for size in spec(name).shape])

    def rows() -> Any:
        for row in zip(*(column["rows"] for column in columns.values()), strict=True):
            yield {name: value(name, part) for name, part in zip(columns, row, strict=True)}

    return tf.data.Dataset.from_generator(rows, output_signature={name: spec(name) for name in columns})


def outcome(make: Callable[[], tf.data.Dataset], limit: int | None = None) -> dict[str, Any]:
    """The types and examples of a dataset, the first `limit` of them; or what went wrong, and when.

    An error is told by the first builtin that it is, since that is what code written for seqio catches.
    """
    try:
        dataset = make()
    except Exception as error:  # noqa: BLE001 - what went wrong is the outcome
        return {"error": builtin(error), "while": "building", "message": str(error)}
    types = {name: [spec.dtype.name, spec.shape.rank] for name, spec in dataset.element_spec.items()}
    try:
        return {"types": types, "examples": [exactly(example) for example in itertools.islice(dataset, limit)]}
    except Exception as error:  # noqa: BLE001 - what went wrong is the outcome
        return {"error": builtin(error), "while": "reading", "message": str(error)}


def without_words(result: Mapping[str, Any]) -> dict[str, Any]:
    """An outcome without the message of an error, which is each library's own."""
    return {name: value for name, value in result.items() if name != "message"}


def builtin(error: Exception) -> str:
    """The name of the first class of an error that Python or TensorFlow defines."""
    return next(
        kind.__name__ for kind in type(error).__mro__ if kind.__module__.split(".")[0] in ("builtins", "tensorflow")
    )


def exactly(value: Any) -> Any:
    """A tensor, or a dictionary of them, as JSON that is equal only for equal types, shapes and values."""
    if isinstance(value, Mapping):
        return {name: exactly(part) for name, part in sorted(value.items())}
    if isinstance(value, tf.RaggedTensor):
        return ["ragged", value.ragged_rank, value.dtype.name, plain(value.to_list())]
    if isinstance(value, tf.SparseTensor):
        return ["sparse", *(exactly(part) for part in (value.indices, value.values, value.dense_shape))]
    array = np.asarray(value.numpy())
    return [value.dtype.name, list(array.shape), plain(array.tolist())]


def plain(value: Any) -> Any:
    """Lists of numbers and texts: bytes become text of one character each, and a NaN one that equals itself."""
    if isinstance(value, list):
        return [plain(part) for part in value]
    if isinstance(value, bytes):
        return value.decode("latin-1")
    return "nan" if isinstance(value, float) and value != value else value
