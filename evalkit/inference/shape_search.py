"""Which few shapes take rows of given lengths at the least cost.

The rows are sorted, the longest first, and cut into runs. A run is some batches of one shape, whose length is that of
the ladder that its first row needs; it ends as soon as the next row would fit a shorter length, whichever shorter
length that is. Where a run's last batch has room left, the rows behind fill it up. So only the last batch of all can
have rows that are no rows.

The search is over where the next run begins and how many runs there were: for every number of runs it keeps the
beginnings that no other beats, by lying further on at no more cost. That is exact among such cuts, because what is left
to do never costs more when there is less of it.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from evalkit.columns import Array
from evalkit.inference.ladder import Ladder

# What a batch and a shape cost besides their tokens, in shares of a full batch: the device idles a little between two
# batches, and is used badly by small ones; and a shape is compiled, once.
_A_BATCH = 1 / 16
_A_SHAPE = 1 / 8


class Run(NamedTuple):
    """`batches` batches of `rows` rows, padded to `length`."""

    length: int
    rows: int
    batches: int


class _Reached(NamedTuple):
    """What it costs to have dealt with all rows before some row, in tokens, and the last run that did it."""

    cost: float
    start: int
    run: Run


def cheapest_runs(lengths: Array, ladder: Ladder, max_shapes: int, extra: int = 0) -> list[Run]:
    """The runs that take all rows at the least cost, the longest rows first.

    Args:
      lengths: int64 `[rows]`, at least one, descending, none above the ladder's last.
      ladder: the shapes that there are.
      max_shapes: how many may be used.
      extra: what each row costs besides its length: the length of its inputs.
    """
    search = _Search(lengths, ladder, extra)
    total = len(lengths)
    layers: list[dict[int, _Reached]] = [{0: _Reached(0, 0, Run(0, 0, 0))}]
    for _ in range(max_shapes):
        layers.append(search.one_run_more(layers[-1]))
    complete = [count for count, layer in enumerate(layers) if total in layer]
    used = min(complete, key=lambda count: layers[count][total].cost)
    runs, position = [], total
    for layer in layers[used:0:-1]:
        reached = layer[position]
        runs.append(reached.run)
        position = reached.start
    return runs[::-1]


class _Search:
    def __init__(self, lengths: Array, ladder: Ladder, extra: int) -> None:
        self._total = len(lengths)
        self._lengths = ladder.lengths
        self._ladder = ladder
        self._extra = extra
        self._levels = np.searchsorted(ladder.lengths, lengths)  # [rows], which length each row needs
        # [lengths]: the first row that needs no more than this length.
        self._first_rows = np.searchsorted(-self._levels, -np.arange(len(ladder.lengths)))
        # [rows + 1]: what the rows from here on cost at the least, were there no padding.
        self._left = np.append(np.cumsum((lengths + extra)[::-1])[::-1], 0)
        self._least = float("inf")  # what all rows cost, as far as is known

    def one_run_more(self, layer: dict[int, _Reached]) -> dict[int, _Reached]:
        """From what was reached with some number of runs, what is reached with one more, without what is beaten."""
        reached: dict[int, _Reached] = {}
        for start, before in layer.items():
            if start == self._total or before.cost + self._left[start] >= self._least:
                continue
            for run in self._runs_from(start):
                cost = before.cost + self._cost(run)
                end = min(start + run.batches * run.rows, self._total)
                if end not in reached or cost < reached[end].cost:
                    reached[end] = _Reached(cost, start, run)
        if self._total in reached:
            self._least = min(self._least, reached[self._total].cost)
        kept: dict[int, _Reached] = {}
        least = float("inf")
        for end in sorted(reached, reverse=True):
            if reached[end].cost < least:
                least, kept[end] = reached[end].cost, reached[end]
        return kept

    def _cost(self, run: Run) -> float:
        a_batch = run.rows * (run.length + self._extra) + _A_BATCH * self._ladder.token_budget
        return run.batches * a_batch + _A_SHAPE * self._ladder.token_budget

    def _runs_from(self, start: int) -> Iterator[Run]:
        level = int(self._levels[start])
        length = self._lengths[level]
        ends = np.append(self._first_rows[:level], self._total)
        sizes = np.unique(ends[ends > start]) - start
        for rows in self._ladder.row_counts(length + self._extra):
            for batches in dict.fromkeys((-(-sizes // rows)).tolist()):
                yield Run(length, rows, batches)
        yield Run(length, self._ladder.fewest_rows(length + self._extra, self._total - start), 1)
