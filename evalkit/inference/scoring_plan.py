"""How rows are read to be scored: which contexts make a batch, behind which stems, with how many choices each.

A batch is a rectangle of contexts, `[rows, length]`, and behind it the choices of each, `[rows, choices, length]`. All
shapes come from ladders, so that few are compiled. Where rows have nothing in common, or the model has no cache, a
context is a whole row and has no choices. With an encoder the contexts are inputs, and the choices are what the decoder
reads.
"""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Iterator
from typing import NamedTuple, final

import numpy as np

from evalkit.columns import Array, Ragged, offsets
from evalkit.inference.batching_plan import plan_batches
from evalkit.inference.ladder import Ladder
from evalkit.inference.model import Model
from evalkit.inference.shared_prefix import DistinctRows, Division, by_inputs, distinct_rows, divide, undivided
from evalkit.inference.spans import Rows, slices

_CHOICE_STEP = 4  # tokens, up to sixteen steps; choices are short, and there are several to a context
_FEW_SHAPES = 3  # for each of several groups of stems, whose batches have shapes of their own


@final
@dataclasses.dataclass(frozen=True)
class Reading:
    """Distinct rows, and how each is divided.

    Attributes:
      rows: what is to be scored, none longer than the model.
      fed: the tokens of each row that are fed.
      distinct: the rows that are read.
      division: their contexts and stems.
      lengths: int64 `[distinct]`: how long they are.
      inputs: the inputs of each row; empty rows without an encoder.
      with_encoder: whether contexts are inputs.
    """

    rows: Rows
    fed: Ragged
    distinct: DistinctRows
    division: Division
    lengths: Array
    inputs: Ragged
    with_encoder: bool

    @functools.cached_property
    def counts(self) -> Array:
        """int64 `[contexts]`: how many choices each context has; 0 where the context is all of its only row."""
        counts = np.diff(self.division.firsts)
        return counts if self.with_encoder else np.where(counts == 1, 0, counts)

    @functools.cached_property
    def bases(self) -> Array:
        """int64 `[contexts]`: how many tokens stand in the stem of each."""
        depths = np.append(self.division.stem_depths, 0)  # the last one for stem -1
        return np.asarray(depths[self.division.stems])

    @functools.cached_property
    def longest(self) -> Array:
        """int64 `[contexts]`: the longest row of each."""
        return np.maximum.reduceat(self.lengths, self.division.firsts[:-1])

    @functools.cached_property
    def context_lengths(self) -> Array:
        """int64 `[contexts]`: how many tokens of each context are read in its batch; with an encoder, of its inputs."""
        if self.with_encoder:
            return self.inputs.lengths[self.distinct.order[self.division.firsts[:-1]]]
        return self.division.depths - self.bases

    @functools.cached_property
    def read_splits(self) -> Array:
        """int64 `[rows + 1]`: the number of the first token of each row's span among those of all spans."""
        return offsets(self.rows.counts)

    @property
    def tokens(self) -> int:
        """How many tokens are read: no filler, no padding."""
        choices = self.lengths - np.repeat(self.division.depths, np.diff(self.division.firsts))
        return int(self.division.stem_depths.sum() + self.context_lengths.sum() + choices.sum())


class PlannedReading(NamedTuple):
    """One batch.

    Attributes:
      contexts: int32 `[rows]`, which contexts; -1 is filler.
      length: to which contexts, or inputs, are padded.
      choices: how many choices each has, filled up; 0 for none.
      choice_length: to which they are padded.
    """

    contexts: Array
    length: int
    choices: int
    choice_length: int

    @property
    def tokens(self) -> int:
        """How many tokens are computed."""
        return len(self.contexts) * (self.length + self.choices * self.choice_length)


class StemGroup(NamedTuple):
    """Stems that are in the cache together, and the batches behind them.

    Attributes:
      stems: which ones; empty for contexts that have none.
      num_stems: how many the cache has room for; 0 without stems.
      stem_length: to which they are padded.
      slots: how long the cache of each row is.
      batches: the batches.
    """

    stems: Array
    num_stems: int
    stem_length: int
    slots: int
    batches: tuple[PlannedReading, ...]


def read_once(rows: Rows, model: Model) -> Reading:
    """Divides rows into what is read once, as far as `model` can share it."""
    fed = slices(rows.tokens, np.arange(len(rows)), np.zeros(len(rows), np.int64), rows.fed_lengths)
    distinct = distinct_rows(fed, rows.inputs)
    lengths = fed.lengths[distinct.order]
    if model.has_encoder:
        division = by_inputs(distinct)
    elif model.has_cache:
        first_reads = lengths.copy()
        np.minimum.at(first_reads, distinct.holders, rows.starts - 1)
        division = divide(lengths, distinct.shared, first_reads)
    else:
        division = undivided(lengths)
    inputs = Ragged(fed.values[:0], np.zeros(len(rows) + 1, np.int64)) if rows.inputs is None else rows.inputs
    return Reading(rows, fed, distinct, division, lengths, inputs, model.has_encoder)


def plan_reading(reading: Reading, ladder: Ladder, cache_budget: int) -> tuple[StemGroup, ...]:
    """Puts contexts into batches.

    Args:
      reading: what is to be read.
      ladder: of the model; its budget counts the tokens of contexts and choices.
      cache_budget: how many slots of a cache, of all rows together, there may be behind stems.
    """
    groups = []
    alone = np.flatnonzero(reading.division.stems < 0)
    if len(alone):
        groups.append(StemGroup(np.zeros(0, np.int64), 0, 0, 0, _batches(reading, alone, ladder)))
    depths = reading.division.stem_depths
    if len(depths):
        stem_length = ladder.length_for(int(depths.max()))
        most = max(ladder.token_budget // stem_length, 1)
        behind = np.flatnonzero(reading.division.stems >= 0)
        slots = ladder.length_for(int(reading.longest[behind].max()))
        narrow = _behind_stems(
            ladder, int(reading.context_lengths[behind].max()), cache_budget // slots, len(depths) > most
        )
        for first in range(0, len(depths), most):
            stems = np.arange(first, min(first + most, len(depths)))
            members = np.flatnonzero((reading.division.stems >= stems[0]) & (reading.division.stems <= stems[-1]))
            batches = _batches(reading, members, narrow)
            groups.append(StemGroup(stems, min(most, len(depths)), stem_length, slots, batches))
    return tuple(groups)


def _behind_stems(ladder: Ladder, longest: int, most_rows: int, several: bool) -> Ladder:
    """The ladder for contexts behind stems.

    A batch has as many rows as the cache has room for; and fewer shapes if there will be several groups of stems, each
    with its own.
    """
    if not several:
        return dataclasses.replace(ladder, max_rows=max(most_rows, 1))
    doublings = {length for length in ladder.lengths if length & (length - 1) == 0}
    lengths = tuple(sorted(doublings | {ladder.length_for(longest)}))
    return dataclasses.replace(ladder, lengths=lengths, max_shapes=_FEW_SHAPES, max_rows=max(most_rows, 1))


def _batches(reading: Reading, contexts: Array, ladder: Ladder) -> tuple[PlannedReading, ...]:
    """Batches of some contexts, those of like numbers of choices together."""
    classes = list(_classes(reading, contexts, ladder.token_budget))
    shapes = max(ladder.max_shapes // max(len(classes), 1), 2)
    batches: list[PlannedReading] = []
    for choices, members in reversed(classes):
        batches += _batches_of_class(reading, members, choices, dataclasses.replace(ladder, max_shapes=shapes))
    return tuple(batches)


def _batches_of_class(reading: Reading, members: Array, choices: int, ladder: Ladder) -> Iterator[PlannedReading]:
    lengths = reading.context_lengths[members]
    if not choices:
        for batch in plan_batches(lengths, dataclasses.replace(ladder, input_lengths=())).batches:
            yield PlannedReading(_members(members, batch.indices), batch.length, 0, 0)
        return
    longest = (reading.longest - reading.division.depths)[members]
    steps = ladder.lengths if reading.with_encoder else _choice_lengths(int(longest.max()))
    # A row costs its context and all of its choices.
    of_choices = tuple(choices * length for length in steps)
    contexts = ladder.input_lengths if reading.with_encoder else ladder.lengths
    both = dataclasses.replace(ladder, lengths=of_choices, input_lengths=contexts)
    for batch in plan_batches(choices * longest, both, lengths).batches:
        indices = _members(members, batch.indices)
        yield PlannedReading(indices, batch.input_length, choices, batch.length // choices)


def _choice_lengths(longest: int) -> tuple[int, ...]:
    fine = range(_CHOICE_STEP, min(longest + _CHOICE_STEP, 16 * _CHOICE_STEP) + 1, _CHOICE_STEP)
    return tuple(sorted({*fine, *Ladder.up_to(longest).lengths}))


def _classes(reading: Reading, contexts: Array, token_budget: int) -> Iterator[tuple[int, Array]]:
    """Contexts by their number of choices, the fewest first.

    Those with fewer choices join those with more if filling them up costs less than a batch: shapes of their own would
    cost more.
    """
    counts = reading.counts[contexts]
    longest = (reading.longest - reading.division.depths)[contexts]
    numbers = np.unique(counts).tolist()
    waiting = np.zeros(len(contexts), bool)
    for number, following in zip(numbers, [*numbers[1:], 0], strict=True):
        waiting |= counts == number
        filled = int(((following - counts[waiting]) * longest[waiting]).sum())
        if number == 0 or not following or filled > token_budget:
            yield number, contexts[waiting]
            waiting[:] = False


def _members(members: Array, indices: Array) -> Array:
    return np.where(indices < 0, -1, members[indices]).astype(np.int32)
