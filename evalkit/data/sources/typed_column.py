"""Python values of one feature, one for each row, made a column of one dtype and one rank.

What rows hold is only known when all are looked at: a list that is shorter in row 7, a text where row 9 has a number.
All rows are checked before a tensor is made, with loops in C; only when something does not fit are rows looked at one
by one, to say which.
"""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Iterator, Sequence
from typing import Any, final

import numpy as np
import tensorflow as tf

from evalkit import errors
from evalkit.columns import Column
from evalkit.data.sources.field_type import LISTS, FieldType, Where, completed, shown

_EXPECTED = {"O": "a text", "b": "true or false", "i": "an integer", "u": "an integer", "f": "a number"}


@final
@dataclasses.dataclass(frozen=True)
class TypedColumn:
    """The values of one feature of all rows.

    Attributes:
      values: a Tensor `[rows, ...]`, or a RaggedTensor where lengths differ.
      shape: of one row, None for sizes that differ.
      is_rectangular: whether every single row is a rectangle, so that rows are Tensors although the column is ragged.
    """

    values: Any
    shape: tuple[int | None, ...]
    is_rectangular: bool

    @property
    def arrays(self) -> list[Any]:
        """The content as numpy arrays of numbers: values end to end (of texts, their bytes), and where rows begin."""
        ragged = isinstance(self.values, tf.RaggedTensor)
        flat = (self.values.flat_values if ragged else self.values).numpy()
        splits = [level.numpy() for level in self.values.nested_row_splits] if ragged else []
        if flat.dtype.hasobject:
            texts = Column.from_texts(flat.reshape(-1).tolist())
            return [texts.values, texts.byte_splits, *splits]
        return [flat, *splits]

    @classmethod
    def of(cls, name: str, values: Any, field: FieldType, where: Where) -> TypedColumn:
        """Checks `values`, one for each row, and converts them.

        Args:
          name: of the feature.
          values: one for each row.
          field: what they are, so far as is known.
          where: what a row is called in errors, by its number.

        Raises:
          SourceError: a value that does not fit, with its row.
        """
        if not isinstance(values, np.ndarray) and all(type(value) is np.ndarray for value in values):
            values = _stacked(values)
        field = completed(name, values, field, where)
        try:
            return _converted(values, field)
        except (TypeError, ValueError, OverflowError):
            for row, value in enumerate(values):
                problem = _problem(value, field)
                if problem:
                    raise errors.SourceError(f"{where(row)}: feature {name!r} {problem}") from None
            raise


def _stacked(arrays: Sequence[Any]) -> Any:
    """One array instead of many of the same shape and dtype."""
    same = len({(array.shape, array.dtype) for array in arrays}) == 1
    return np.stack(arrays) if same else arrays


def _converted(values: Any, field: FieldType) -> TypedColumn:
    """The column; raises TypeError, ValueError or OverflowError where anything does not fit."""
    shape = field.shape or ()
    if isinstance(values, np.ndarray) and not values.dtype.hasobject and values.dtype.kind not in "US":
        _check_sizes([[size] for size in values.shape[1:]], shape)
        return TypedColumn(tf.constant(_numbers(values, field.dtype)), shape, is_rectangular=True)
    lengths: list[list[int]] = []
    leaves: Sequence[Any] = [value.tolist() if isinstance(value, np.ndarray) else value for value in values]
    for _ in shape:
        if not all(isinstance(element, LISTS) for element in leaves):
            raise TypeError("not all are lists")
        lengths.append([len(element) for element in leaves])
        leaves = list(itertools.chain.from_iterable(leaves))
    _check_sizes(lengths, shape)
    flat = _leaves(leaves, field.dtype)
    if all(len(set(level)) == 1 for level in lengths):
        dense = tf.reshape(flat, [len(values), *(level[0] for level in lengths)])
        return TypedColumn(dense, shape, is_rectangular=True)
    rectangular = all(len(set(level)) <= 1 for value in values for level in _levels(value, len(shape)))
    ragged = tf.RaggedTensor.from_nested_row_lengths(flat, [np.array(level, np.int64) for level in lengths])
    return TypedColumn(ragged, shape, rectangular)


def _levels(value: Any, rank: int) -> Iterator[list[int]]:
    """The lengths of the lists inside one value, level by level, below the first."""
    elements = [value]
    for _ in range(rank):
        yield [len(element) for element in elements]
        elements = list(itertools.chain.from_iterable(elements))


def _check_sizes(lengths: Sequence[Sequence[int]], shape: Sequence[int | None]) -> None:
    if len(lengths) != len(shape) or any(
        size is not None and set(level) - {size} for level, size in zip(lengths, shape, strict=True)
    ):
        raise ValueError("not of the declared shape")


def _leaves(leaves: Sequence[Any], dtype: Any) -> tf.Tensor:
    kind = "O" if dtype == tf.string else np.dtype(dtype.as_numpy_dtype).kind
    allowed = {
        "O": (str, bytes),
        "b": (bool, np.bool_),
        "f": (float, int, np.floating, np.integer),
    }.get(kind, (int, np.integer))
    for leaf_type in set(map(type, leaves)):
        if not issubclass(leaf_type, allowed) or (issubclass(leaf_type, bool) and kind != "b"):
            raise TypeError(f"a {leaf_type.__name__}")
    if dtype == tf.string:
        encoded = [leaf.encode() if isinstance(leaf, str) else leaf for leaf in leaves]
        return tf.constant(encoded, tf.string, shape=[len(leaves)])
    return tf.constant(_numbers(np.array(leaves, None if len(leaves) else dtype.as_numpy_dtype), dtype))


def _numbers(values: Any, dtype: Any) -> Any:
    """`values` in `dtype`, if none changes by it but by rounding."""
    if dtype == tf.string:
        raise TypeError("numbers")
    if values.dtype.hasobject:
        raise OverflowError("more than 64 bits")
    target = np.dtype(dtype.as_numpy_dtype)
    if target == values.dtype:
        return values
    if (values.dtype.kind == "b") != (target.kind == "b") or (values.dtype.kind in "fc" and target.kind in "iu"):
        raise TypeError("another kind of number")
    with np.errstate(over="ignore", invalid="ignore"):
        converted = values.astype(target)
        fits = np.isfinite(converted) | ~np.isfinite(values) if target.kind == "f" else converted == values
    if not np.all(fits):
        raise OverflowError("out of range")
    return converted


def _problem(value: Any, field: FieldType) -> str | None:
    """What keeps one value from fitting, in words."""
    try:
        _converted([value], field)
    except (TypeError, ValueError, OverflowError) as error:
        kind = "O" if field.dtype == tf.string else np.dtype(field.dtype.as_numpy_dtype).kind
        expected = _EXPECTED.get(kind, "a number")
        if field.shape:
            sizes = ", ".join("any" if size is None else str(size) for size in field.shape)
            expected = f"a list of shape ({sizes}) of which each element is {expected}"
        reason = {OverflowError: ", which is out of range", UnicodeEncodeError: ", which is not Unicode"}.get(
            type(error), ""
        )
        return (
            f"is {shown(value)}{reason}; expected {expected} ({field.dtype.name}), as in the rows before or as "
            "declared. Correct the row, or declare another type in `features`."
        )
    return None
