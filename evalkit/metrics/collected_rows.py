"""Rows of many batches as one mapping, at a cost linear in their number.

Joining at every merge would copy what is already there again and again; here `merge` only notes what belongs together,
and the rows are joined once, when somebody reads them.

    >>> first = CollectedRows({"model_output": np.array([[1, 2]]), "indices_2d": None, "mask": np.array([True])})
    >>> both = first.merge(first)
    >>> both["model_output"].tolist(), both["indices_2d"].tolist()
    ([[1, 2], [1, 2]], [[0, 0], [0, 1]])
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, final

import numpy as np

from evalkit import errors
from evalkit.metrics import rows as row_tree


@final
class CollectedRows(Mapping[str, Any]):
    """Named rows of many batches, read as one mapping; immutable.

    Every field of a batch has as many rows as the others. The field `indices_2d` may be None in every batch: the rows
    are then numbered in the order of merging, as shard 0.
    """

    __slots__ = ("_content",)

    def __init__(self, fields: Mapping[str, Any] | None = None) -> None:
        # A dictionary of joined fields, or the two that this was merged from and that nobody has read yet.
        self._content: dict[str, Any] | tuple[CollectedRows, CollectedRows] = dict(fields or {})

    def merge(self, other: CollectedRows) -> CollectedRows:
        """The rows of both, those of `self` first; takes constant time."""
        if not self._content or not other._content:
            return self if self._content else other
        merged = CollectedRows()
        merged._content = (self, other)
        return merged

    def __getitem__(self, name: str) -> Any:
        fields = self._joined()
        if name == "indices_2d" and name in fields and fields[name] is None:
            return _numbered(row_tree.count_rows(fields["model_output"]))
        return fields[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._joined())

    def __len__(self) -> int:
        return len(self._joined())

    def __repr__(self) -> str:
        return f"CollectedRows({self._joined()!r})"

    def __reduce__(self) -> tuple[type[CollectedRows], tuple[dict[str, Any]]]:
        return CollectedRows, (self._joined(),)

    def _joined(self) -> dict[str, Any]:
        if isinstance(self._content, tuple):
            self._content = _join(self._batches())
        return self._content

    def _batches(self) -> list[dict[str, Any]]:
        batches: list[dict[str, Any]] = []
        pending = [self]
        while pending:  # a loop, since a chain of merges is deeper than Python's stack
            content = pending.pop()._content
            if isinstance(content, tuple):
                pending += reversed(content)
            else:
                batches.append(content)
        return batches


def _join(batches: list[dict[str, Any]]) -> dict[str, Any]:
    for batch in batches:
        if batch.keys() != batches[0].keys():
            raise errors.MetricError(f"Batches with fields {sorted(batches[0])} and {sorted(batch)} cannot be merged.")
    return {name: _join_field(name, [batch[name] for batch in batches]) for name in batches[0]}


def _join_field(name: str, parts: list[Any]) -> Any:
    missing = sum(part is None for part in parts)
    if missing not in (0, len(parts)):
        raise errors.MetricError(
            f"{missing} of {len(parts)} merged batches have no {name}, the others have. Give {name} to every "
            "from_model_output, or to none."
        )
    return None if missing else row_tree.concatenate_rows(parts)


def _numbered(count: int) -> np.ndarray[Any, Any]:
    return np.stack([np.zeros(count, np.int64), np.arange(count)], axis=1)
