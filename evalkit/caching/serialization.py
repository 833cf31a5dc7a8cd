"""Columns as serialised `tf.train.Example` protos, the same bytes for the same values whoever writes them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import tensorflow as tf

from evalkit.columns import Array, Ragged
from evalkit.errors import FeatureError


def serialized(columns: Mapping[str, Ragged]) -> list[bytes]:
    """One proto for each row of `columns`, which are equally long (at least one column).

    >>> columns = {"ids": Ragged(np.array([1, 2, 3], np.int32), np.array([0, 2, 3]))}
    >>> examples = [tf.train.Example.FromString(proto) for proto in serialized(columns)]
    >>> [example.features.feature["ids"].int64_list.value[:] for example in examples]
    [[1, 2], [3]]

    Raises:
      FeatureError: an unsigned number that a proto cannot hold.
    """
    kinds = [(key, *_kind_and_values(column.values), column.splits.tolist()) for key, column in columns.items()]
    protos = []
    for row in range(next(iter(columns.values())).num_rows):
        proto = tf.train.Example()
        features = proto.features.feature
        for key, kind, values, splits in kinds:
            stored = getattr(features[key], kind)
            stored.SetInParent()  # an empty list is of a kind too
            try:
                stored.value.extend(values[splits[row] : splits[row + 1]])
            except ValueError as error:
                raise FeatureError(f"Feature {key!r}: {error}; tf.train.Example holds int64 and no more.") from error
        protos.append(proto.SerializeToString(deterministic=True))
    return protos


def _kind_and_values(values: Array) -> tuple[str, Sequence[Any]]:
    """The list of a proto that holds such values, and the values as it takes them."""
    if values.dtype == np.object_:
        return "bytes_list", values.tolist()
    if values.dtype.kind in "biu":
        return "int64_list", (values.astype(np.int64) if values.dtype.kind == "b" else values).tolist()
    return "float_list", values.astype(np.float32).tolist()
