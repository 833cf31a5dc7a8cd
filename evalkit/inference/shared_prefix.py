"""What rows have in common at their beginnings, and how to read that once.

Two things can be shared. A row that is the beginning of another is not read at all: a causal model says at its tokens
what it says at the other's. That takes in equal rows, and, since the last token of a span is not fed, rows that differ
in their last token alone: the one-token choices of a question are one row, read at several ids.

A model with a cache can do more. Sorted, the rows are a tree; each of its branches is a common beginning. Two of the
branches above a row may be cut, and what lies above a cut is read once:

    stem        few-shot examples     read once, for as many rows as there are
    context     a question            read once, behind its stem
    choices     its answers           each read behind the context

Cuts are made where they cost the fewest tokens, found by dynamic programming over the tree. A token behind a cache is
counted a quarter dearer, and a row behind one as a few tokens more, since it must attend to all that is in the cache.

    >>> fed = Ragged.from_rows([[7, 8, 9], [7, 8], [7, 8, 9], [5]])
    >>> rows = distinct_rows(fed)
    >>> rows.order.tolist(), rows.holders.tolist()
    ([3, 2], [1, 1, 1, 0])
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from typing import NamedTuple, final

import numpy as np

from evalkit.columns import Array, Ragged
from evalkit.inference.boundaries import common_length

MAX_CHOICES = 32  # more of them are better read next to each other, behind a stem, than one after another
_MIN_STEM = 32  # tokens
_STEM_COST = 64.0  # tokens: it is read in a call of its own
_DEARER = 1.25  # a token behind a cache


class DistinctRows(NamedTuple):
    """Rows of which none is the beginning of another.

    Attributes:
      order: int64 `[distinct]`, numbers of rows, sorted by inputs and tokens.
      holders: int64 `[rows]`: which of `order` begins with each row.
      shared: int64 `[distinct]`: how many tokens each of `order` has in common with the one before it; 0 for the first;
        -1 where their inputs differ.
    """

    order: Array
    holders: Array
    shared: Array


class Division(NamedTuple):
    """Distinct rows cut into stems, contexts and choices.

    The contexts hold all distinct rows, in order. A context of one row is all of it.

    Attributes:
      firsts: int64 `[contexts + 1]`: the first of the distinct rows of each context, and how many there are.
      depths: int64 `[contexts]`: how many tokens of these rows are read once.
      stems: int64 `[contexts]`: behind which stem a context is read; -1 if behind none.
      stem_firsts: int64 `[stems]`: a distinct row that begins with each stem.
      stem_depths: int64 `[stems]`: how many tokens of it the stem has.
    """

    firsts: Array
    depths: Array
    stems: Array
    stem_firsts: Array
    stem_depths: Array


def distinct_rows(fed: Ragged, inputs: Ragged | None = None) -> DistinctRows:
    """Sorts rows, and drops those with which another begins.

    Args:
      fed: int32, the tokens of each row that a model must read.
      inputs: int32, what an encoder reads; rows with different inputs have nothing in common.
    """
    keys = list(zip(_sort_keys(inputs, fed.num_rows), _sort_keys(fed, fed.num_rows), strict=True))
    sorted_rows = sorted(range(len(keys)), key=keys.__getitem__)
    order: list[int] = []
    holders = np.zeros(len(keys), np.int64)
    for row in reversed(sorted_rows):  # a row with which any other begins is followed by one that begins with it
        inside = order and keys[order[-1]][0] == keys[row][0] and keys[order[-1]][1].startswith(keys[row][1])
        if not inside:
            order.append(row)
        holders[row] = len(order)
    order.reverse()
    shared = np.zeros(len(order), np.int64)
    for place in range(1, len(order)):
        before, row = order[place - 1], order[place]
        shared[place] = common_length(fed.row(before), fed.row(row)) if keys[before][0] == keys[row][0] else -1
    return DistinctRows(np.array(order, np.int64), len(order) - holders, shared)


def by_inputs(rows: DistinctRows) -> Division:
    """For a model with an encoder: rows of the same inputs, which are read once, are a context without tokens."""
    firsts = np.flatnonzero(np.concatenate([[True], rows.shared[1:] < 0])) if len(rows.order) else np.zeros(0, int)
    return _without_stems(np.append(firsts, len(rows.order)), np.zeros(len(firsts), np.int64))


def undivided(lengths: Array) -> Division:
    """For a model without a cache: every distinct row is read by itself."""
    return _without_stems(np.arange(len(lengths) + 1), np.asarray(lengths, np.int64))


def divide(lengths: Array, shared: Array, first_reads: Array) -> Division:
    """Cuts rows where that costs the fewest tokens.

    Args:
      lengths: int64 `[distinct]`: of the distinct rows.
      shared: as in `DistinctRows`.
      first_reads: int64 `[distinct]`: the first position of each row at which something is read. A stem ends before it.
    """
    contexts: list[tuple[int, int, int]] = []
    stems: list[tuple[int, int]] = []
    for branch, stem_depth in _chosen(_tree(lengths, shared, first_reads)):
        if stem_depth is not None:
            stems.append((branch.first, stem_depth))
        else:
            contexts.append((branch.first, branch.depth, len(stems) - 1 if branch.behind_stem else -1))
    columns = np.array(contexts, np.int64).reshape(-1, 3).T
    stem_columns = np.array(stems, np.int64).reshape(-1, 2).T
    return Division(np.append(columns[0], len(lengths)), columns[1], columns[2], stem_columns[0], stem_columns[1])


@final
@dataclasses.dataclass(slots=True)
class _Branch:
    """A common beginning of several rows, or one row.

    `costs[j]` is what it costs to read its rows, in tokens, if the first `bases[j]` of each row are in a cache;
    `cut[j]`, whether it is then a context; `best`, what they cost at least.
    """

    first: int
    depth: int
    count: int
    longest: int
    first_read: int
    children: list[_Branch]
    bases: list[int] = dataclasses.field(default_factory=list)
    costs: list[float] = dataclasses.field(default_factory=list)
    cut: list[bool] = dataclasses.field(default_factory=list)
    best: float = 0.0
    is_stem: bool = False
    behind_stem: bool = False

    @property
    def stem_depth(self) -> int:
        """How much of it could be a stem."""
        return min(self.depth, self.first_read)

    @property
    def may_be_stem(self) -> bool:
        """Whether that is worth a thought."""
        return bool(self.children) and self.stem_depth >= max(_MIN_STEM, self.bases[-1] + _MIN_STEM // 2)

    def gather(self) -> None:
        """Takes counts and limits from the children."""
        self.count = sum(child.count for child in self.children)
        self.longest = max(child.longest for child in self.children)
        self.first_read = min(child.first_read for child in self.children)

    def find_costs(self) -> None:
        """Fills in `costs`, `cut` and `best`, which the children have."""
        for place, base in enumerate(self.bases):
            parts = sum(child.costs[place] for child in self.children) if self.children else float("inf")
            whole = _cost(self.depth - base, base)
            if self.children:
                possible = 0 < self.depth and self.depth > base and self.count <= MAX_CHOICES
                whole += self.count * _cost(self.longest - self.depth, self.depth) if possible else float("inf")
            self.costs.append(min(parts, whole))
            self.cut.append(whole <= parts)
        self.best = self.costs[0]
        if self.children:
            self.best = min(self.best, sum(child.best for child in self.children))
        if self.may_be_stem:
            with_stem = self.stem_depth + _STEM_COST + sum(child.costs[-1] for child in self.children)
            self.is_stem, self.best = with_stem < self.best, min(with_stem, self.best)


def _cost(tokens: int, base: int) -> float:
    """What it costs to read `tokens` behind `base` in a cache."""
    return _DEARER * tokens + 2 + base / 64 if base else float(tokens)


def _tree(lengths: Array, shared: Array, first_reads: Array) -> list[_Branch]:
    """All branches, each before its children; the first is the root. Costs and stems are found."""
    root = _Branch(0, 0, 0, 0, 0, [])
    path = [root]
    for row, (length, common, read) in enumerate(zip(lengths.tolist(), shared.tolist(), first_reads.tolist())):
        below: _Branch | None = None
        while path[-1].depth > common:
            below = path.pop()
        if path[-1].depth < common and below is not None:
            path[-1].children[-1] = _Branch(below.first, common, 0, 0, 0, [below])
            path.append(path[-1].children[-1])
        path[-1].children.append(_Branch(row, length, 1, length, read, []))
        path.append(path[-1].children[-1])
    branches, waiting = [], [root]
    while waiting:
        branches.append(waiting.pop())
        waiting.extend(reversed(branches[-1].children))
    if not root.children:
        return []
    for branch in reversed(branches):
        if branch.children:
            branch.gather()
    root.bases = [0]
    for branch in branches:
        below_bases = [*branch.bases, branch.stem_depth] if branch.may_be_stem else branch.bases
        for child in branch.children:
            child.bases = below_bases
    for branch in reversed(branches):
        branch.find_costs()
    return branches


def _chosen(branches: list[_Branch]) -> Iterator[tuple[_Branch, int | None]]:
    """The stems, each with its depth, and the contexts, each behind its stem and with None; in the order of rows."""
    waiting: list[tuple[_Branch, int | None]] = [(branch, None) for branch in branches[:1]]
    while waiting:
        branch, base = waiting.pop()  # `base`: which of `bases`; None while it is open
        if base is None and branch.is_stem:
            yield branch, branch.stem_depth
            waiting.extend((child, len(branch.bases)) for child in reversed(branch.children))
        elif base is None and branch.best < branch.costs[0]:
            waiting.extend((child, None) for child in reversed(branch.children))
        elif branch.cut[base or 0]:
            branch.behind_stem = bool(base)
            yield branch, None
        else:
            waiting.extend((child, base or 0) for child in reversed(branch.children))


def _without_stems(firsts: Array, depths: Array) -> Division:
    nothing = np.zeros(0, np.int64)
    return Division(firsts.astype(np.int64), depths, np.full(len(depths), -1, np.int64), nothing, nothing)


def _sort_keys(ragged: Ragged | None, count: int) -> list[bytes]:
    """The rows as bytes, which compare as the rows do: big-endian, and ids are not negative."""
    if ragged is None:
        return [b""] * count
    blob = ragged.values.astype(">i4").tobytes()
    ends = (4 * ragged.splits).tolist()
    return [blob[begin:end] for begin, end in zip(ends[:-1], ends[1:], strict=True)]
