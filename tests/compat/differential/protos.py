"""Makes a proto of the features of a case and reads it again; runs in both interpreters."""

from __future__ import annotations

from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import tensorflow as tf


def run(lib: ModuleType, case: dict[str, Any], folder: Path) -> dict[str, Any]:
    """What is stored of each feature, and what comes back."""
    del folder
    features = {name: _value(feature) for name, feature in case["features"].items()}
    example = lib.utils.dict_to_tfexample(features, store_shapes=case["store_shapes"])
    stored = {name: _stored(feature) for name, feature in example.features.feature.items()}
    read = {name: _listed(value) for name, value in lib.utils.tfexample_to_dict(example).items()}
    return {"stored": stored, "read": read}


def _value(feature: dict[str, Any]) -> Any:
    dtype = tf.as_dtype(feature["dtype"])
    if feature["kind"] == "ragged":
        return tf.ragged.constant(feature["rows"], dtype, ragged_rank=feature["rank"] - 1)
    array = np.array(feature["rows"], dtype.as_numpy_dtype)
    return tf.sparse.from_dense(array) if feature["kind"] == "sparse" else array


def _stored(feature: tf.train.Feature) -> list[Any]:
    kind = feature.WhichOneof("kind")
    values = getattr(feature, kind).value
    return [kind, [value.decode() if isinstance(value, bytes) else value for value in values]]


def _listed(value: Any) -> list[Any]:
    if isinstance(value, tf.SparseTensor):
        value = tf.sparse.to_dense(value)
    rows = value.to_list() if isinstance(value, tf.RaggedTensor) else value.numpy().tolist()
    return [value.dtype.name, _text(rows)]


def _text(value: Any) -> Any:
    if isinstance(value, list):
        return [_text(part) for part in value]
    return value.decode() if isinstance(value, bytes) else value
