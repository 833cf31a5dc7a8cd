"""What the values of one feature are: declared, or found in the first row that tells.

The dtype of Python values follows `tf.train.Example`: `str` and `bytes` are strings, `int` is int64, `float` is
float32 (an int may stand among floats); `bool` is bool. Arrays keep theirs. Another one has to be declared.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from typing import Any, final

import numpy as np
import tensorflow as tf

from evalkit import errors

LISTS = (list, tuple, np.ndarray)

Where = Callable[[int], str]


@final
@dataclasses.dataclass(frozen=True)
class FieldType:
    """What the values of a feature are.

    Attributes:
      dtype: of the elements; None to find it in the data.
      shape: of one value, None for sizes that differ between rows; None altogether to find the rank in the data.
    """

    dtype: Any = None
    shape: tuple[int | None, ...] | None = None

    @classmethod
    def declared(cls, declaration: Any) -> FieldType:
        """From a dtype of any kind (`tf.int32`, `"int32"`, `np.int32`) or a `tf.TensorSpec`.

            >>> FieldType.declared("float32"), FieldType.declared(tf.TensorSpec([None], tf.int32)).shape
            (FieldType(dtype=tf.float32, shape=None), (None,))

        Raises:
          ArgumentError: neither of these.
        """
        try:
            if isinstance(declaration, tf.TensorSpec):
                return cls(declaration.dtype, tuple(declaration.shape))
            return cls(tf.as_dtype(declaration))
        except (TypeError, ValueError) as error:
            raise errors.ArgumentError(
                f"A feature is declared by a dtype, such as 'int32', or a tf.TensorSpec; found {declaration!r}."
            ) from error


def declared_features(features: Mapping[str, Any] | None) -> dict[str, FieldType] | None:
    """The declared type of each feature.

    Raises:
      ArgumentError: a declaration that is neither a dtype nor a `tf.TensorSpec`.
    """
    return None if features is None else {name: FieldType.declared(given) for name, given in features.items()}


def completed(name: str, values: Sequence[Any], field: FieldType, where: Where) -> FieldType:
    """`field` with what it leaves open, from the first row that tells.

    Args:
      name: of the feature.
      values: one for each row.
      field: what is declared.
      where: what a row is called in errors, by its number.

    Raises:
      SourceError: the row that tells holds what is no feature, or no row tells.
    """
    if field.dtype is not None and (field.shape is not None or not len(values)):
        return FieldType(field.dtype, field.shape or ())
    for row, value in enumerate(values):
        leaf, rank = _first_leaf(value)
        if leaf is not None:
            dtype = field.dtype or _dtype_of(leaf)
            if dtype is None:
                raise errors.SourceError(
                    f"{where(row)}: feature {name!r} is {shown(value)}; expected texts, numbers, booleans or lists of "
                    "these. Declare `features` to choose others."
                )
            return FieldType(dtype, field.shape if field.shape is not None else (None,) * rank)
    raise errors.SourceError(
        f"{where(0)}: feature {name!r} is an empty list there and in all rows, so its type cannot be told. Declare it: "
        f"features={{{name!r}: tf.TensorSpec([None], tf.int32)}}."
    )


def _first_leaf(value: Any) -> tuple[Any, int]:
    """The first element of nested lists (None if there is none), and how deep it is."""
    if isinstance(value, np.ndarray) and not value.dtype.hasobject:
        return value.dtype.type(), value.ndim
    if not isinstance(value, LISTS):
        return (_Null() if value is None else value), 0
    for element in value:
        leaf, rank = _first_leaf(element)
        if leaf is not None:
            return leaf, rank + 1
    return None, 1


class _Null:
    """Stands for a null in the data: a leaf, but of no dtype."""


def _dtype_of(leaf: Any) -> Any:
    by_type = {str: tf.string, bytes: tf.string, bool: tf.bool, int: tf.int64, float: tf.float32}
    if type(leaf) in by_type:
        return by_type[type(leaf)]
    if not isinstance(leaf, np.generic):
        return None
    try:
        return tf.string if leaf.dtype.kind in "US" else tf.as_dtype(leaf.dtype)
    except TypeError:
        return None


def shown(value: Any) -> str:
    """`value` for a message: as JSON would call it, and not too long."""
    text = "null" if value is None else repr(value)
    return text if len(text) <= 60 else f"{text[:57]}..."
