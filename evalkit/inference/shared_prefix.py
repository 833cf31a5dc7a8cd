"""What rows have in common at their beginnings, and how to read that once.

Two things can be shared. A row that is the beginning of another is not read at all: a causal model says at its tokens
what it says at the other's. That takes in equal rows, and, since the last token of a span is not fed, rows that differ
in their last token alone: the one-token choices of a question are one row, read at several ids.

A model with a cache can do more: rows are cut into up to three pieces, where that costs the fewest tokens
(`prefix_tree`).

    stem        few-shot examples     read once, for as many rows as there are
    context     a question            read once, behind its stem
    choices     its answers           each read behind the context

    >>> fed = Ragged.from_rows([[7, 8, 9], [7, 8], [7, 8, 9], [5]])
    >>> rows = distinct_rows(fed)
    >>> rows.order.tolist(), rows.holders.tolist()
    ([3, 2], [1, 1, 1, 0])
"""

from __future__ import annotations

import itertools
from typing import NamedTuple

import numpy as np

from evalkit.columns import Array, Ragged
from evalkit.inference.boundaries import common_length
from evalkit.inference.prefix_tree import cheapest_cuts


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
    cuts = cheapest_cuts(lengths, shared, first_reads)
    contexts = np.array(cuts.contexts, np.int64).reshape(-1, 3).T
    stems = np.array(cuts.stems, np.int64).reshape(-1, 2).T
    return Division(np.append(contexts[0], len(lengths)), contexts[1], contexts[2], stems[0], stems[1])


def _without_stems(firsts: Array, depths: Array) -> Division:
    nothing = np.zeros(0, np.int64)
    return Division(firsts.astype(np.int64), depths, np.full(len(depths), -1, np.int64), nothing, nothing)


def _sort_keys(ragged: Ragged | None, count: int) -> list[bytes]:
    """The rows as bytes, which compare as the rows do: big-endian, and ids are not negative."""
    if ragged is None:
        return [b""] * count
    blob = ragged.values.astype(">i4").tobytes()
    ends = (4 * ragged.splits).tolist()
    return [blob[begin:end] for begin, end in itertools.pairwise(ends)]
