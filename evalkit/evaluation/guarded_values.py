"""Targets and predictions that several metrics look at, none of which may change them for the others."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, final

import numpy as np

IMMUTABLE = frozenset({str, bytes, int, float, bool, complex, type(None)})


@final
class GuardedValues:
    """Values that are lent to one metric after another.

    A metric gets a list of its own, so that sorting or emptying it changes nothing for the next. Dictionaries, lists,
    tuples and arrays inside are compared with a copy afterwards, and restored from it; other objects are trusted.

        >>> values = GuardedValues([["b"], ["a"]])
        >>> lent = values.lend()
        >>> lent[1].append("more")
        >>> values.first_change(lent)
        1
        >>> values.lend()
        [['b'], ['a']]
    """

    def __init__(self, values: Sequence[Any]) -> None:
        self._values = list(values)
        self._pristine = None if set(map(type, self._values)) <= IMMUTABLE else _copied(self._values)

    def lend(self) -> list[Any]:
        """The values, in a new list."""
        return list(self._values)

    def first_change(self, lent: list[Any]) -> int | None:
        """Compares what was lent with what it was, and restores it; the first example that differs, or None."""
        before = self._values if self._pristine is None else self._pristine
        if len(lent) == len(before) and all(map(_same, lent, before)):
            return None
        if self._pristine is not None:
            self._values = _copied(self._pristine)
        pairs = enumerate(zip(lent, before, strict=False))
        return next((position for position, pair in pairs if not _same(*pair)), min(len(lent), len(before)))


def _copied(value: Any) -> Any:
    """A copy of containers and arrays, down to what is neither."""
    kind = type(value)
    if kind is dict:
        return {key: _copied(part) for key, part in value.items()}
    if kind in (list, tuple):
        return kind(map(_copied, value))
    return value.copy() if kind is np.ndarray else value


def _same(one: Any, other: Any) -> bool:
    """Whether `one` is what `other`, its copy, was: containers by content, everything else by identity or equality."""
    kind = type(one)
    if one is other:
        return True
    if kind is not type(other):
        return False
    if kind is dict:
        return bool(one.keys() == other.keys()) and all(_same(part, other[key]) for key, part in one.items())
    if kind in (list, tuple):
        return len(one) == len(other) and all(map(_same, one, other))
    if kind is np.ndarray:
        return bool(one.shape == other.shape and one.dtype == other.dtype and one.tobytes() == other.tobytes())
    return kind in IMMUTABLE and bool(one == other)
