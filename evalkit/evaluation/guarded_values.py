"""Targets and predictions that several metrics look at, none of which may change them for the others."""

from __future__ import annotations

import copy
from collections.abc import Mapping, Sequence
from typing import Any, final

import numpy as np

from evalkit.errors import MetricError

IMMUTABLE = frozenset({str, bytes, int, float, bool, complex, type(None)})


@final
class GuardedValues:
    """Values that are lent to one metric after another.

    A metric gets a list of its own, so that sorting or emptying it changes nothing for the next. Elements that can
    change (dictionaries of answers, arrays) are compared with a copy afterwards, and restored from it.

        >>> values = GuardedValues(["b", "a"])
        >>> values.lend().sort()
        >>> values.lend()
        ['b', 'a']
    """

    def __init__(self, values: Sequence[Any]) -> None:
        self._values = list(values)
        self._pristine = None if set(map(type, self._values)) <= IMMUTABLE else copy.deepcopy(self._values)

    def lend(self) -> list[Any]:
        """The values, in a new list."""
        return list(self._values)

    def check(self, lent: list[Any], what: str) -> None:
        """Compares what was lent with what it was.

        Args:
          lent: from `lend`, after use.
          what: begins the message.

        Raises:
          MetricError: `lent` was changed; names the first example that was.
        """
        before = self._values if self._pristine is None else self._pristine
        if len(lent) == len(before) and all(map(_same, lent, before)):
            return
        if self._pristine is not None:
            self._values = copy.deepcopy(self._pristine)
        first = next((i for i, pair in enumerate(zip(lent, before, strict=False)) if not _same(*pair)), len(lent))
        raise MetricError(f"{what} was changed by it, first at example {first}. Work on a copy of it.")


def _same(one: Any, other: Any) -> bool:
    return one is other or bool(_equal(one, other))


def _equal(one: Any, other: Any) -> Any:
    if type(one) is not type(other):
        return False
    if isinstance(one, Mapping):
        return one.keys() == other.keys() and all(_same(value, other[key]) for key, value in one.items())
    if isinstance(one, (list, tuple)):
        return len(one) == len(other) and all(map(_same, one, other))
    if isinstance(one, np.ndarray):
        return one.shape == other.shape and one.dtype == other.dtype and one.tobytes() == other.tobytes()
    return one == other or (one != one and other != other)
