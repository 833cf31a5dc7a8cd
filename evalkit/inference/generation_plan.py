"""Which prompts are generated from together, and of which shapes.

A pool is a number of slots of one length. Its prompts come into the slots a few at a time, whenever enough slots are
free. The longest prompts make the first pool, and a pool takes all that need more than half of its length: so there
are few pools, each several times as full as it has slots, and the batch that decodes changes its shape only between
them.

    >>> ladder = Ladder(lengths=(8, 16, 32, 64), token_budget=256)
    >>> pools = plan_pools(np.array([3, 20, 5, 30]), ladder, max_new=8)
    >>> [(pool.slots, pool.length, [chunk.indices.tolist() for chunk in pool.chunks]) for pool in pools]
    [(4, 64, [[3], [1], [2], [0]])]
"""

from __future__ import annotations

import dataclasses
from typing import final

import numpy as np

from evalkit.columns import Array
from evalkit.inference.ladder import Ladder

_REFILL = 8  # slots are filled up again when an eighth of them is free
_SHORTER = (4, 3)  # chunks are padded to these quarters of a length, and of its half, and so on


@final
@dataclasses.dataclass(frozen=True)
class Chunk:
    """Prompts that are read together.

    Attributes:
      indices: int32 `[rows]`, which prompts; -1 is filler.
      length: to which they are padded; 0 where there is nothing to read.
    """

    indices: Array
    length: int


@final
@dataclasses.dataclass(frozen=True)
class Pool:
    """Slots of one shape, and what goes through them.

    Attributes:
      slots: how many rows are decoded at a time.
      length: how many tokens of a row there is room for.
      input_length: to which the inputs of an encoder are padded; 0 without one.
      chunks: of equally many rows, the longest prompts first.
    """

    slots: int
    length: int
    input_length: int
    chunks: tuple[Chunk, ...]

    @property
    def chunk_rows(self) -> int:
        """How many prompts are read at a time, and as many slots filled."""
        return len(self.chunks[0].indices)


def plan_pools(
    fed: Array, ladder: Ladder, *, max_new: int, samples: int = 1, input_lengths: Array | None = None
) -> tuple[Pool, ...]:
    """Puts prompts into pools.

    Args:
      fed: int64 `[prompts]`, how many tokens of each prompt are read before the first step: all but the last.
      ladder: which lengths there are; the longest is that of the model.
      max_new: for how many new tokens there is room behind each prompt, as far as the ladder goes.
      samples: how many rows come of each prompt.
      input_lengths: int64 `[prompts]`, of the inputs, for an encoder.
    """
    totals = np.minimum(fed + max_new, ladder.lengths[-1])
    if input_lengths is None:
        groups = [(0, np.argsort(-fed, kind="stable"))]
    else:
        order = np.lexsort((np.arange(len(fed)), -fed, -input_lengths))
        padded = Ladder(ladder.input_lengths)
        cuts = _halvings(input_lengths[order], padded)
        groups = [(padded.length_for(int(input_lengths[order[a]])), order[a:b]) for a, b in cuts]
        groups = [(length, group[np.lexsort((group, -fed[group]))]) for length, group in groups]
    pools = []
    for input_length, group in groups:
        for start, end in _halvings(totals[group], ladder):
            pools.append(_pool(group[start:end], fed, totals, ladder, samples, input_length))
    return tuple(pools)


def _halvings(falling: Array, ladder: Ladder) -> list[tuple[int, int]]:
    """Where to cut `falling` lengths, such that each part's are more than half of its first, in steps of the ladder.

    A part of fewer than a batch goes to the one before it.
    """
    cuts: list[tuple[int, int]] = []
    start = 0
    while start < len(falling):
        length = ladder.length_for(int(falling[start]))
        needs_more = np.asarray([ladder.length_for(int(total)) * 2 > length for total in falling[start:]])
        end = start + int(needs_more.sum())
        if cuts and end - start < ladder.most_rows(length):
            start = cuts.pop()[0]
        cuts.append((start, end))
        start = end
    return cuts


def _pool(group: Array, fed: Array, totals: Array, ladder: Ladder, samples: int, input_length: int) -> Pool:
    length = ladder.length_for(int(totals[group[0]]))
    slots = ladder.fewest_rows(length + input_length, len(group) * samples)
    rows = ladder.fewest_rows(length + input_length, max(slots // _REFILL, 1))
    chunks = []
    longest = ladder.length_for(int(fed[group[0]])) if fed[group[0]] else 0
    for start in range(0, len(group), rows):
        indices = np.full(rows, -1, np.int32)
        taken = group[start : start + rows]
        indices[: len(taken)] = taken
        chunks.append(Chunk(indices, _padded(int(fed[taken[0]]), longest, ladder)))
    return Pool(slots, length, input_length, tuple(chunks))


def _padded(length: int, longest: int, ladder: Ladder) -> int:
    """One of few lengths, at least `length` and at most `longest`."""
    if length == 0:
        return 0
    found, scale = longest, longest
    while scale > 0:
        for quarters in _SHORTER:
            shorter = ladder.length_for(max(scale * quarters // 4, 1))
            if shorter < length:
                return found
            found = min(found, shorter)
        scale //= 2
    return found
