"""The shapes that a model may see: a fixed ladder of lengths, and for each the row counts that fit a token budget.

Every shape is compiled once, so there must be few; every token of padding is computed for nothing, so there must be
many. The ladder settles which shapes there are at all, the same ones for every data set; `batching_plan` chooses the
few of them that suit the data.

    >>> ladder = Ladder.up_to(200, token_budget=1024, row_multiple=2)
    >>> ladder.lengths
    (8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 200)
    >>> ladder.row_counts(96)
    (10, 4, 2)
    >>> ladder.length_for(81)
    96
"""

from __future__ import annotations

import bisect
import dataclasses
from typing import final

from evalkit.errors import ArgumentError
from evalkit.inference.arguments import whole_number

DEFAULT_TOKEN_BUDGET = 4096
_STEPS = 4  # lengths to a doubling
_SHORTEST = 8
_HALVINGS = 3  # a batch of less than an eighth of the budget is for the last rows only


@final
@dataclasses.dataclass(frozen=True)
class Ladder:
    """The shapes that batches may have.

    Attributes:
      lengths: to which rows are padded, ascending.
      token_budget: rows times length is at most this, unless `row_multiple` rows are more.
      row_multiple: what every number of rows is a multiple of: over how many devices rows are spread.
      max_shapes: how many different shapes one plan may have.
      input_lengths: to which the inputs of an encoder are padded, ascending; empty without one.
      max_rows: the most rows of a batch, whatever their length, unless `row_multiple` is more; None for no such limit.

    Raises:
      ArgumentError: a number is too small, or lengths are missing or do not ascend.
      ArgumentTypeError: a number is not whole.
    """

    lengths: tuple[int, ...]
    token_budget: int = DEFAULT_TOKEN_BUDGET
    row_multiple: int = 1
    max_shapes: int = 10
    input_lengths: tuple[int, ...] = ()
    max_rows: int | None = None

    def __post_init__(self) -> None:
        for name in ("token_budget", "row_multiple", "max_shapes"):
            object.__setattr__(self, name, whole_number(name, getattr(self, name)))
        for name in ("lengths", "input_lengths"):
            lengths = tuple(whole_number(f"{name}[{i}]", length) for i, length in enumerate(getattr(self, name)))
            if list(lengths) != sorted(set(lengths)):
                raise ArgumentError(f"{name} must ascend, found {lengths}.")
            object.__setattr__(self, name, lengths)
        if self.max_rows is not None:
            whole_number("max_rows", self.max_rows)
        if not self.lengths:
            raise ArgumentError("lengths must hold at least one length, found none.")

    @classmethod
    def up_to(
        cls,
        max_length: int,
        *,
        token_budget: int = DEFAULT_TOKEN_BUDGET,
        row_multiple: int = 1,
        max_shapes: int = 10,
        max_input_length: int = 0,
    ) -> Ladder:
        """The usual ladder: multiples of 8 up to 64, then four lengths to each doubling, and last `max_length`.

        Args:
          max_length: the longest row.
          token_budget: as of the class.
          row_multiple: as of the class.
          max_shapes: as of the class.
          max_input_length: the longest inputs; 0 without an encoder.

        Raises:
          ArgumentError: a number is too small.
          ArgumentTypeError: a number is not whole.
        """
        lengths = _usual_lengths(whole_number("max_length", max_length))
        limit = whole_number("max_input_length", max_input_length, least=0)
        return cls(lengths, token_budget, row_multiple, max_shapes, _usual_lengths(limit) if limit else ())

    def row_counts(self, tokens_a_row: int) -> tuple[int, ...]:
        """How many rows a batch may have, most first: as many as the budget allows, and down to an eighth of it."""
        most = self.most_rows(tokens_a_row)
        counts = [self._rounded(most >> halving) for halving in range(_HALVINGS + 1)]
        return tuple(dict.fromkeys(counts))

    def most_rows(self, tokens_a_row: int) -> int:
        """The most rows that the budget allows, at least `row_multiple`."""
        most = self.token_budget // tokens_a_row
        return self._rounded(most if self.max_rows is None else min(most, self.max_rows))

    def fewest_rows(self, tokens_a_row: int, rows: int) -> int:
        """Room for so many rows: the least power of two times `row_multiple`, or `most_rows` where that is less."""
        count = self.row_multiple
        while count < rows:
            count *= 2
        return min(count, self.most_rows(tokens_a_row))

    def length_for(self, length: int) -> int:
        """The shortest of `lengths` that is at least `length`.

        Raises:
          ArgumentError: there is none.
        """
        index = bisect.bisect_left(self.lengths, length)
        if index == len(self.lengths):
            raise ArgumentError(f"The longest length of the ladder is {self.lengths[-1]}; asked for {length}.")
        return self.lengths[index]

    def _rounded(self, rows: int) -> int:
        return max(rows // self.row_multiple, 1) * self.row_multiple


def _usual_lengths(longest: int) -> tuple[int, ...]:
    lengths = [_SHORTEST * step for step in range(1, _STEPS)]
    doubling = _SHORTEST * _STEPS
    while doubling < longest:
        lengths += [doubling * (_STEPS + step) // _STEPS for step in range(_STEPS)]
        doubling *= 2
    return (*(length for length in lengths if length < longest), longest)
