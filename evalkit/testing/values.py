"""Where a value differs from what was expected, first, in words.

A value is what an example holds: a number, a text, or an array, tensor or list of these, ragged or not. Numbers are
equal by value, whatever their types; NaN equals NaN; a text equals its UTF-8 bytes.

    >>> print(difference([3, 4, 7, 1], [3, 4, 9, 1]))
    at [2]: found 7, expected 9
        found    3 4 >7< 1
        expected 3 4 >9< 1
    >>> difference("a cat", b"a cat"), difference([0.1 + 0.2], np.array([0.3]))
    (None, None)
    >>> difference("a cat", "a cut")
    "at character 3: found 'a cat', expected 'a cut'"
"""

from __future__ import annotations

import dataclasses
import math
import numbers
from collections.abc import Mapping, Sequence
from typing import Any, final

import numpy as np
import tensorflow as tf

from evalkit import errors

AROUND = 6
"""How many elements are shown on each side of one that differs; of a text, five times as many characters."""

WIDTH = 60
"""How many characters of an element are shown."""


@final
@dataclasses.dataclass(frozen=True)
class Closeness:
    """When two numbers count as equal: |found - expected| <= atol + rtol * |expected|, where found is a float.

    Attributes:
      rtol: relative tolerance.
      atol: absolute tolerance.
      dtypes: whether two values that both have a dtype (arrays and tensors have one, Python's values have not) must
        have the same.
    """

    rtol: float = 1e-7
    atol: float = 0.0
    dtypes: bool = True

    def __post_init__(self) -> None:
        """Checks the tolerances.

        Raises:
          ArgumentError: one is negative or no number.
        """
        for name in ("rtol", "atol"):
            if not getattr(self, name) >= 0:
                raise errors.ArgumentError(f"{name} must be a number >= 0, found {getattr(self, name)!r}.")


DEFAULT = Closeness()


def difference(found: Any, expected: Any, closeness: Closeness = DEFAULT) -> str | None:
    """Where `found` differs from `expected` first, or None where they are equal."""
    found_dtype, expected_dtype = dtype_of(found), dtype_of(expected)
    if closeness.dtypes and found_dtype and expected_dtype and found_dtype != expected_dtype:
        return f"found dtype {found_dtype}, expected {expected_dtype}"
    return _walk(plain(found), plain(expected), "", closeness)


def plain(value: Any) -> Any:
    """`value` as Python's numbers, bytes and lists of these.

    >>> plain(np.array([[1, 2]])), plain(tf.ragged.constant([["a"], []])), plain(np.float32(0.5))
    ([[1, 2]], [[b'a'], []], 0.5)
    """
    if isinstance(value, str):
        return value.encode()
    if isinstance(value, tf.SparseTensor):
        value = tf.sparse.to_dense(value)
    if isinstance(value, (tf.RaggedTensor, tf.compat.v1.ragged.RaggedTensorValue)):
        return plain(value.to_list())
    if isinstance(value, (list, tuple)):
        return [plain(element) for element in value]
    if not hasattr(value, "__array__"):
        return value
    array = np.asarray(value)
    if array.dtype.kind == "V" and array.dtype.names is None:  # bfloat16 and its like, from ml_dtypes
        array = array.astype(np.float32)
    return plain(array.tolist()) if array.dtype.kind in "OU" else array.tolist()


def dtype_of(value: Any) -> str | None:
    """The name of the dtype, "string" for texts of any kind; None where the value has none.

    >>> dtype_of(np.int32(1)), dtype_of(tf.constant("a")), dtype_of([1, 2])
    ('int32', 'string', None)
    """
    dtype = getattr(value, "dtype", None)
    if dtype is None or isinstance(dtype, tf.DType):
        return dtype and str(dtype.name)
    return "string" if dtype.kind in "OSU" else str(dtype.name)


def repeated(value: Any, like: Any) -> Any:
    """`value` in the place of each element of `like`, where that is a list and the value is a single one."""
    if isinstance(value, list) or not isinstance(like, list) or not like:
        return value
    return [repeated(value, element) for element in like]


def _walk(found: Any, expected: Any, place: str, closeness: Closeness) -> str | None:
    if isinstance(found, Mapping) and isinstance(expected, Mapping):
        return _mapping_difference(found, expected, place, closeness)
    if not (isinstance(found, list) and isinstance(expected, list)):
        if _equal(found, expected, closeness):
            return None
        return _described(place, found, expected)
    if found == expected:
        return None
    for index in range(min(len(found), len(expected))):
        here = f"{place}[{index}]"
        one, other = found[index], expected[index]
        if isinstance(one, (list, Mapping)) and type(one) is type(other):
            inner = _walk(one, other, here, closeness)
            if inner is not None:
                return inner
        elif not _equal(one, other, closeness):
            return _described(here, one, other) + _context(found, expected, index)
    if len(found) == len(expected):
        return None
    end = min(len(found), len(expected))
    ends = [shown(values[end]) if end < len(values) else "the end" for values in (found, expected)]
    return f"at {place}[{end}]: found {ends[0]}, expected {ends[1]}" + _context(found, expected, end)


def _mapping_difference(
    found: Mapping[str, Any], expected: Mapping[str, Any], place: str, closeness: Closeness
) -> str | None:
    if found.keys() != expected.keys():
        return f"{f'at {place}: ' if place else ''}found keys {sorted(found)}, expected {sorted(expected)}"
    inner = (_walk(plain(found[key]), plain(expected[key]), f"{place}[{key!r}]", closeness) for key in found)
    return next((each for each in inner if each is not None), None)


def _equal(found: Any, expected: Any, closeness: Closeness) -> bool:
    if isinstance(found, (list, Mapping)) or isinstance(expected, (list, Mapping)):
        return False
    if not (isinstance(found, numbers.Number) and isinstance(expected, numbers.Number)):
        return bool(found == expected)
    if found == expected or (found != found and expected != expected):  # NaN is the number that differs from itself
        return True
    if not isinstance(found, (float, complex)):
        return False
    return abs(found - expected) <= closeness.atol + closeness.rtol * abs(expected) < math.inf  # type: ignore


def _described(place: str, found: Any, expected: Any) -> str:
    if isinstance(found, bytes) and isinstance(expected, bytes):
        texts = [value.decode(errors="backslashreplace") for value in (found, expected)]
        first = next(
            (i for i, pair in enumerate(zip(*texts, strict=False)) if pair[0] != pair[1]), min(map(len, texts))
        )
        parts = [repr(_excerpt(text, first)) for text in texts]
        where = f"{place}, character {first}" if place else f"character {first}"
        return f"at {where}: found {parts[0]}, expected {parts[1]}"
    return f"{f'at {place}: ' if place else ''}found {shown(found)}, expected {shown(expected)}"


def _excerpt(text: str, position: int) -> str:
    start, stop = max(0, position - 5 * AROUND), position + 5 * AROUND
    return f"{'…' if start else ''}{text[start:stop]}{'…' if stop < len(text) else ''}"


def _context(found: Sequence[Any], expected: Sequence[Any], index: int) -> str:
    """Two lines with the neighbours of element `index`; none where there is no neighbour to show."""
    if max(len(found), len(expected)) <= 1:
        return ""
    start, stop = max(0, index - AROUND), index + AROUND + 1
    lines = []
    for word, values in (("found", found), ("expected", expected)):
        parts = [shown(value) for value in values[start:stop]]
        if index < len(values):
            parts[index - start] = f">{parts[index - start]}<"
        if start:
            parts.insert(0, "…")
        if stop < len(values):
            parts.append(f"… ({len(values)} elements)")
        lines.append(f"\n    {word:8} {' '.join(parts)}")
    return "".join(lines)


def shown(value: Any) -> str:
    """A value for a message, not too long: text as text.

    >>> shown(b"yes"), shown([1, [b"a"]])
    ("'yes'", "[1, ['a']]")
    """
    text = repr(_as_text(value))
    return text if len(text) <= WIDTH else f"{text[: WIDTH - 1]}…"


def _as_text(value: Any) -> Any:
    if isinstance(value, list):
        return [_as_text(element) for element in value]
    return value.decode(errors="backslashreplace") if isinstance(value, bytes) else value
