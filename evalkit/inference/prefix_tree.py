"""Where to cut rows that begin alike, so that reading them costs the fewest tokens.

Sorted, the rows are a tree, each of whose branches is a beginning that some of them share. A branch may be cut off as a
stem, which is read by itself once for all that is behind it; or as a context, behind which its rows are read one after
another. On the way to each row there is at most one stem, and behind it one context. Which branches they are is found
by dynamic programming, from the rows down to the root.

A token behind a cache is counted a quarter dearer, and a row behind one as a few tokens more, since it attends to all
that is in the cache; a stem as some more, since it is read in a call of its own.
"""

from __future__ import annotations

import dataclasses
from typing import NamedTuple, final

from evalkit.columns import Array

_MAX_CHOICES = 16  # more of them are better read next to each other, behind a stem, than one after another
_MIN_STEM = 32  # tokens
_STEM_COST = 64.0  # tokens
_DEARER = 1.25


class Cuts(NamedTuple):
    """Where rows are cut.

    Attributes:
      contexts: the first row of each context, how many tokens of it are read once, and which stem it is behind, or -1;
        in the order of rows.
      stems: for each stem a row that begins with it, and how many tokens of that row it is.
    """

    contexts: list[tuple[int, int, int]]
    stems: list[tuple[int, int]]


def cheapest_cuts(lengths: Array, shared: Array, first_reads: Array) -> Cuts:
    """Cuts rows where that costs the fewest tokens.

    Args:
      lengths: int64 `[rows]`, of rows that are sorted, none the beginning of another.
      shared: int64 `[rows]`, how many tokens each has in common with the one before it; 0 for the first.
      first_reads: int64 `[rows]`, the first position of each row at which something is read. A stem ends before it.

    Example:
      >>> import numpy as np
      >>> cheapest_cuts(np.array([20, 20, 9]), np.array([0, 16, 0]), np.array([15, 15, 3])).contexts
      [(0, 16, -1), (2, 9, -1)]
    """
    if not len(lengths):
        return Cuts([], [])
    branches = _from_root(_tree(lengths, shared, first_reads))
    for branch in reversed(branches):
        if branch.children:
            branch.gather()
    branches[0].bases = [0]
    for branch in branches:
        below = [*branch.bases, branch.stem_depth] if branch.may_be_stem else branch.bases
        for child in branch.children:
            child.bases = below
    for branch in reversed(branches):
        branch.find_costs()
    return _chosen(branches[0])


@final
@dataclasses.dataclass(slots=True, eq=False)
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
                possible = 0 < self.depth and self.depth > base and self.count <= _MAX_CHOICES
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


def _tree(lengths: Array, shared: Array, first_reads: Array) -> _Branch:
    """The tree of sorted rows: a branch for every beginning that some of them share, and for every row."""
    root = _Branch(0, 0, 0, 0, 0, [])
    path = [root]  # from the root to the last row
    columns = (lengths.tolist(), shared.tolist(), first_reads.tolist())
    for row, (length, common, first_read) in enumerate(zip(*columns, strict=True)):
        below = path[-1]
        while path[-1].depth > common:
            below = path.pop()
        if path[-1].depth < common:
            path[-1].children[-1] = _Branch(below.first, common, 0, 0, 0, [below])
            path.append(path[-1].children[-1])
        path[-1].children.append(_Branch(row, length, 1, length, first_read, []))
        path.append(path[-1].children[-1])
    return root


def _from_root(root: _Branch) -> list[_Branch]:
    """All branches, each before its children."""
    branches, waiting = [], [root]
    while waiting:
        branches.append(waiting.pop())
        waiting.extend(reversed(branches[-1].children))
    return branches


def _chosen(root: _Branch) -> Cuts:
    contexts: list[tuple[int, int, int]] = []
    stems: list[tuple[int, int]] = []
    waiting: list[tuple[_Branch, int | None]] = [(root, None)]
    while waiting:
        branch, base = waiting.pop()  # which of its `bases`; None while it is open
        if base is None and branch.is_stem:
            stems.append((branch.first, branch.stem_depth))
            waiting.extend((child, len(branch.bases)) for child in reversed(branch.children))
        elif base is None and branch.best < branch.costs[0]:
            waiting.extend((child, None) for child in reversed(branch.children))
        elif branch.cut[base or 0]:
            contexts.append((branch.first, branch.depth, len(stems) - 1 if base else -1))
        else:
            waiting.extend((child, base or 0) for child in reversed(branch.children))
    return Cuts(contexts, stems)
