"""Rows of tokens with the span of each that is to be scored, as columns.

Token i of a row is predicted from the tokens before it, so a span `[start, end)` is read at the positions `start - 1`
to `end - 2`: the first token of a row cannot be scored, and the last one of a span need not be fed to the model. What
stands behind the span changes nothing.

    >>> rows = Rows.of([[1, 5, 6, 7], [1, 8]], starts=[2, 1])
    >>> len(rows), rows.counts.tolist(), rows.fed_lengths.tolist()
    (2, [2, 1], [3, 1])
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import Any, final

import numpy as np

from evalkit.columns import Array, Ragged, offsets
from evalkit.errors import RowError
from evalkit.inference.model import Model


@final
@dataclasses.dataclass(frozen=True)
class Rows:
    """Rows of tokens, each with one span; a row is known by its number.

    Attributes:
      tokens: int32, the tokens of each row.
      starts: int64 `[rows]`, where each span begins: at least 1.
      ends: int64 `[rows]`, where each span ends: behind `starts`, and not behind the end of the row.
      inputs: int32, what an encoder reads for each row; None for a decoder-only model.

    Raises:
      RowError: there are not as many spans as rows; or a span is empty, begins at the first token, or ends behind its
        row.
    """

    tokens: Ragged
    starts: Array
    ends: Array
    inputs: Ragged | None = None

    def __post_init__(self) -> None:
        for name in ("starts", "ends"):
            object.__setattr__(self, name, np.asarray(getattr(self, name), np.int64))
        count = self.tokens.num_rows
        columns = {"starts": len(self.starts), "ends": len(self.ends)}
        if self.inputs is not None:
            columns["inputs"] = self.inputs.num_rows
        for name, found in columns.items():
            if found != count:
                raise RowError(f"There must be as many {name} as rows, {count}; found {found}.")
        self._refuse(self.starts < 1, "begins at its first token, which nothing predicts; begin the row with BOS")
        self._refuse(self.ends <= self.starts, "is empty: there is nothing to score")
        self._refuse(self.ends > self.tokens.lengths, "ends behind the end of the row")

    @classmethod
    def of(
        cls,
        tokens: Sequence[Sequence[int]],
        starts: Any,
        ends: Any = None,
        inputs: Sequence[Sequence[int]] | None = None,
    ) -> Rows:
        """Rows from sequences of ids; without `ends`, each span goes to the end of its row."""
        ragged = Ragged.from_rows(tokens)
        ends = ragged.lengths if ends is None else ends
        return cls(ragged, starts, ends, None if inputs is None else Ragged.from_rows(inputs))

    def __len__(self) -> int:
        return self.tokens.num_rows

    @property
    def counts(self) -> Array:
        """int64 `[rows]`: how many tokens each span has."""
        return self.ends - self.starts

    @property
    def fed_lengths(self) -> Array:
        """int64 `[rows]`: how many tokens of each row a model must read, those before the last one of the span."""
        return self.ends - 1

    def _refuse(self, wrong: Array, what: str) -> None:
        if wrong.any():
            row = int(np.argmax(wrong))
            more = f" {int(wrong.sum()) - 1} more rows are like it." if wrong.sum() > 1 else ""
            raise RowError(
                f"Row {row} of {len(self)}: its span [{self.starts[row]}, {self.ends[row]}) of "
                f"{self.tokens.lengths[row]} tokens {what}.{more}"
            )


def check_rows(rows: Rows, model: Model) -> None:
    """Checks that `model` knows all ids of `rows`, and reads inputs if there are any.

    Raises:
      RowError: an id is outside the vocabulary; or there are inputs and no encoder, or the other way about; or inputs
        are empty.
    """
    if (rows.inputs is not None) != model.has_encoder:
        has, lack = ("inputs", "no encoder") if rows.inputs is not None else ("no inputs", "an encoder to read them")
        raise RowError(f"The rows have {has}, and the model has {lack}.")
    check_ids("tokens", rows.tokens, model.vocab_size)
    if rows.inputs is not None:
        check_ids("inputs", rows.inputs, model.vocab_size)
        if (rows.inputs.lengths == 0).any():
            raise RowError(f"Row {int(np.argmin(rows.inputs.lengths))} of {len(rows)} has no inputs to encode.")


def check_ids(name: str, ids: Ragged, vocab_size: int) -> None:
    """Checks that all `ids` lie in `[0, vocab_size)`.

    Raises:
      RowError: one does not; the message has its row and its place in the row.

    Example:
      >>> check_ids("tokens", Ragged.from_rows([[1, 2], [3, 99]]), 50)
      Traceback (most recent call last):
      evalkit.errors.RowError: Row 1 of 2: tokens[1] is 99, and the ids of the model are 0 to 49.
    """
    wrong = np.flatnonzero((ids.values < 0) | (ids.values >= vocab_size))
    if len(wrong):
        row = int(np.searchsorted(ids.splits, wrong[0], side="right")) - 1
        more = f" {len(wrong) - 1} more ids are like it." if len(wrong) > 1 else ""
        raise RowError(
            f"Row {row} of {ids.num_rows}: {name}[{wrong[0] - ids.splits[row]}] is {ids.values[wrong[0]]}, and the ids "
            f"of the model are 0 to {vocab_size - 1}.{more}"
        )


def slices(ragged: Ragged, rows: Array, begins: Array, ends: Array) -> Ragged:
    """Pieces of rows: piece i is `ragged.row(rows[i])[begins[i]:ends[i]]`, which must lie in that row.

    Example:
      >>> pieces = slices(Ragged.from_rows([[1, 2, 3], [4, 5]]), np.array([1, 0, 0]), np.array([0, 1, 0]),
      ...                 np.array([1, 3, 2]))
      >>> pieces.values.tolist(), pieces.splits.tolist()
      ([4, 2, 3, 1, 2], [0, 1, 3, 5])
    """
    firsts = ragged.splits[rows] + begins
    places = ranges(firsts, firsts + ends - begins)
    return Ragged(ragged.values[places.values], places.splits)


def ranges(begins: Array, ends: Array) -> Ragged:
    """int64, row i of which counts from `begins[i]` to `ends[i]`, the latter excluded.

    Example:
      >>> ranges(np.array([5, 1]), np.array([7, 4])).values.tolist()
      [5, 6, 1, 2, 3]
    """
    splits = offsets(ends - begins)
    return Ragged(np.repeat(begins - splits[:-1], np.diff(splits)) + np.arange(splits[-1]), splits)


def rectangle(ragged: Ragged, length: int, fill: int) -> Array:
    """int32 `[rows, length]`: rows of at most `length`, filled up at the end.

    Example:
      >>> rectangle(Ragged.from_rows([[1, 2], [], [3]]), 3, fill=0).tolist()
      [[1, 2, 0], [0, 0, 0], [3, 0, 0]]
    """
    result = np.full((ragged.num_rows, length), fill, np.int32)
    result[np.arange(length)[None] < ragged.lengths[:, None]] = ragged.values
    return result
