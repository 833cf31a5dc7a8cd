"""Which rows make a batch, and to which length they are padded.

The plan depends on the lengths alone, so processes that hold the same rows make the same plan and need not talk about
it. Batches come longest first: what would not fit into memory fails at once.

    >>> plan = plan_batches([3, 60, 5, 4], Ladder(lengths=(8, 64), token_budget=128))
    >>> [(batch.indices.tolist(), batch.length) for batch in plan.batches]
    [([1], 64), ([2, 3, 0, -1], 8)]
    >>> plan.tokens, plan.efficiency
    (96, 0.75)
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import final

import numpy as np

from evalkit.columns import Array
from evalkit.errors import ArgumentError, RowError
from evalkit.inference.ladder import Ladder
from evalkit.inference.shape_search import cheapest_runs


@final
@dataclasses.dataclass(frozen=True)
class PlannedBatch:
    """One batch.

    Attributes:
      indices: int32 `[batch]`, which rows; -1 is filler.
      length: to which the rows are padded.
      input_length: to which the inputs of an encoder are padded; 0 without one.
    """

    indices: Array
    length: int
    input_length: int = 0

    @property
    def rows(self) -> Array:
        """int32 `[batch]`: which row to read at each place. Filler reads the first row, so that nothing is empty."""
        return np.where(self.indices < 0, self.indices[0], self.indices)

    @property
    def shape(self) -> tuple[int, int, int]:
        """Number of rows, length, and length of the inputs."""
        return len(self.indices), self.length, self.input_length

    @property
    def tokens(self) -> int:
        """How many tokens are computed: of filler and of padding too."""
        return len(self.indices) * (self.length + self.input_length)


@final
@dataclasses.dataclass(frozen=True)
class Plan:
    """All batches of some rows.

    Attributes:
      batches: every row is in one of them, once.
      real_tokens: the lengths of all rows, inputs included, added up.
    """

    batches: tuple[PlannedBatch, ...]
    real_tokens: int

    @property
    def shapes(self) -> tuple[tuple[int, int, int], ...]:
        """The different shapes (`PlannedBatch.shape`), in the order in which they come first."""
        return tuple(dict.fromkeys(batch.shape for batch in self.batches))

    @property
    def tokens(self) -> int:
        """How many tokens are computed."""
        return sum(batch.tokens for batch in self.batches)

    @property
    def efficiency(self) -> float:
        """Real tokens over all tokens, filler and padding included; 1 where there are none."""
        return self.real_tokens / self.tokens if self.batches else 1.0


def plan_batches(
    lengths: Sequence[int] | Array, ladder: Ladder, input_lengths: Sequence[int] | Array | None = None
) -> Plan:
    """Puts rows into batches.

    Args:
      lengths: of the rows, at least 0.
      ladder: which shapes there are.
      input_lengths: of the inputs of the same rows, for an encoder.

    Raises:
      ArgumentError: the lengths are not whole numbers, or there are not as many of inputs, or the ladder has lengths
        for inputs and there are none, or the other way round.
      RowError: a row is longer than the ladder; the message has its index.
    """
    if (input_lengths is None) == bool(ladder.input_lengths):
        raise ArgumentError(
            "input_lengths and the ladder's belong together (Ladder.up_to(..., max_input_length=...)); found "
            f"{'none' if input_lengths is None else 'some'} of rows, {ladder.input_lengths} of the ladder."
        )
    rows = _checked(lengths, ladder.lengths[-1], "The row")
    if input_lengths is None:
        order = np.argsort(-rows, kind="stable")
        return Plan(tuple(_batches(rows, order, ladder, ladder.max_shapes, 0)), int(rows.sum()))
    inputs = _checked(input_lengths, ladder.input_lengths[-1], "The inputs of row")
    if len(inputs) != len(rows):
        raise ArgumentError(f"There must be inputs for each row; found {len(rows)} rows and {len(inputs)} inputs.")
    groupings = dict.fromkeys(ladder.max_shapes // shapes for shapes in range(1, ladder.max_shapes + 1))
    candidates = [_grouped_batches(rows, inputs, ladder, groups) for groups in groupings]
    least = min(candidates, key=lambda batches: sum(batch.tokens for batch in batches))
    return Plan(least, int(rows.sum() + inputs.sum()))


def _checked(lengths: Sequence[int] | Array, longest: int, what: str) -> Array:
    found = np.asarray(lengths)
    if found.size == 0:
        return np.zeros(0, np.int64)
    if found.ndim != 1 or found.dtype.kind not in "iu" or int(found.min()) < 0:
        raise ArgumentError(f"Lengths must be whole numbers, at least 0, found {found.dtype} of shape {found.shape}.")
    if int(found.max()) > longest:
        index = int(np.argmax(found > longest))
        raise RowError(f"{what} {index} has {found[index]} tokens; the ladder goes to {longest}.")
    return found.astype(np.int64)


def _batches(rows: Array, order: Array, ladder: Ladder, max_shapes: int, input_length: int) -> list[PlannedBatch]:
    """The batches of the rows `order`, which are sorted, the longest first."""
    if not len(order):
        return []
    batches, start = [], 0
    for run in cheapest_runs(rows[order], ladder, max_shapes, input_length):
        for _ in range(run.batches):
            indices = np.full(run.rows, -1, np.int32)
            taken = order[start : start + run.rows]
            indices[: len(taken)] = taken
            start += len(taken)
            batches.append(PlannedBatch(indices, run.length, input_length))
    return batches


def _grouped_batches(rows: Array, inputs: Array, ladder: Ladder, groups: int) -> tuple[PlannedBatch, ...]:
    """Batches of groups of rows with inputs of like length, the longest inputs first."""
    if not len(rows):
        return ()
    by_inputs = np.argsort(-inputs, kind="stable")
    # Every row costs the length that its group's longest inputs need: as runs of "batches" of one row.
    alone = Ladder(ladder.input_lengths, token_budget=1)
    batches: list[PlannedBatch] = []
    start = 0
    for run in cheapest_runs(inputs[by_inputs], alone, groups):
        group = by_inputs[start : start + run.batches]
        start += run.batches
        order = group[np.lexsort((group, -rows[group]))]
        batches += _batches(rows, order, ladder, ladder.max_shapes // groups, run.length)
    return tuple(batches)
