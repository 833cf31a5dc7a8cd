"""The arrays of a planned batch: its tokens, and what is read where.

A read is one token of one span: the position that predicts it, and its id. Reads are numbered through all spans of all
rows; the number travels with the read through the device and back, so results need no order. Batches of one shape get
as many places and reads as the fullest of them needs, so that they are one shape for the compiler, too.
"""

from __future__ import annotations

import dataclasses
from typing import NamedTuple, final

import numpy as np

from evalkit.columns import Array
from evalkit.inference.scoring_plan import PlannedReading, Reading, StemGroup
from evalkit.inference.scoring_step import Batch
from evalkit.inference.spans import ranges, rectangle, slices


class _Reads(NamedTuple):
    """What is read in a batch, sorted by shard.

    Attributes:
      places: int64, where anything is read: number of the shard times the tokens of a shard, plus the place in it.
      inverse: int64, which of `places` each read is at.
      ids: int32, what is read.
      numbers: int64, which read it is.
      shard_tokens: how many tokens each shard has.
    """

    places: Array
    inverse: Array
    ids: Array
    numbers: Array
    shard_tokens: int


class Room(NamedTuple):
    """How many different places, and how many reads, each shard of a batch has room for."""

    places: int
    reads: int


@final
@dataclasses.dataclass(frozen=True)
class ReadyBatch:
    """One batch, without its tokens, which `arrays` makes.

    Attributes:
      reading: all rows.
      group: its stems.
      planned: its contexts.
      reads: what is read.
      room: for how much of that each shard has room.
      num_shards: over how many devices rows are spread.
    """

    reading: Reading
    group: StemGroup
    planned: PlannedReading
    reads: _Reads
    room: Room
    num_shards: int

    @property
    def shape(self) -> tuple[int, ...]:
        """What the batch is compiled for."""
        return *_key(self.group, self.planned), *self.room

    def arrays(self, pad_id: int) -> Batch:
        """The arrays, of numpy."""
        reading, planned = self.reading, self.planned
        # Filler is a copy of a context: something that a model can read, and at which nobody looks.
        contexts = np.where(planned.contexts < 0, planned.contexts.max(), planned.contexts)
        firsts, depths = reading.division.firsts[contexts], reading.division.depths[contexts]
        leaders, bases = reading.distinct.order[firsts], reading.bases[contexts]
        if reading.with_encoder:
            tokens = slices(reading.inputs, leaders, np.zeros_like(leaders), reading.inputs.lengths[leaders])
        else:
            tokens = slices(reading.fed, leaders, bases, depths)
        behind_cache = not reading.with_encoder and bool(planned.choices or self.group.num_stems)
        return Batch(
            tokens=rectangle(tokens, planned.length, pad_id),
            lengths=tokens.lengths.astype(np.int32) if reading.with_encoder else None,
            bases=bases.astype(np.int32) if behind_cache else None,
            stems=self._stems(contexts) if self.group.num_stems else None,
            choices=self._choices(contexts, pad_id) if planned.choices else None,
            depths=depths.astype(np.int32) if behind_cache and planned.choices else None,
            **self._read_arrays(),
        )

    def _read_arrays(self) -> dict[str, Array]:
        shards, reads = self.num_shards, self.reads
        places = np.zeros((shards, self.room.places), np.int32)
        shard, column = self._columns(reads.places)
        places[shard, column] = reads.places % reads.shard_tokens
        of_reads = np.zeros((3, shards, self.room.reads), np.int32)
        of_reads[2] = -1
        read_shard, read_column = self._columns(reads.places[reads.inverse])
        of_reads[:, read_shard, read_column] = column[reads.inverse], reads.ids, reads.numbers
        return {"places": places, "read_places": of_reads[0], "read_ids": of_reads[1], "read_numbers": of_reads[2]}

    def _columns(self, places: Array) -> tuple[Array, Array]:
        """Of things sorted by shard, at `places`: the shard of each, and which of the shard's it is."""
        shard = places // self.reads.shard_tokens
        firsts = np.searchsorted(shard, np.arange(self.num_shards))
        return shard, np.arange(len(places)) - firsts[shard]

    def _stems(self, contexts: Array) -> Array:
        return np.asarray(self.reading.division.stems[contexts] - self.group.stems[0], np.int32)

    def _choices(self, contexts: Array, pad_id: int) -> Array:
        """int32 `[rows, choices, choice length]`; a context with fewer choices has empty ones."""
        division, planned = self.reading.division, self.planned
        shape = len(contexts), planned.choices
        leaves = division.firsts[contexts][:, None] + np.arange(planned.choices)[None]
        there = leaves < division.firsts[contexts + 1][:, None]
        leaves = np.where(there, leaves, 0).ravel()
        begins = np.where(there, division.depths[contexts][:, None], 0).ravel()
        ends = np.where(there.ravel(), self.reading.lengths[leaves], 0)
        tokens = slices(self.reading.fed, self.reading.distinct.order[leaves], begins, ends)
        return rectangle(tokens, planned.choice_length, pad_id).reshape(*shape, planned.choice_length)


def ready_batches(
    reading: Reading, groups: tuple[StemGroup, ...], num_shards: int
) -> list[tuple[StemGroup, list[ReadyBatch]]]:
    """Finds what is read in each batch, and how much room that takes in batches of the same shape."""
    rows_of_leaves = np.argsort(reading.distinct.holders, kind="stable")
    firsts = np.searchsorted(reading.distinct.holders[rows_of_leaves], np.arange(len(reading.lengths) + 1))
    batches = [
        [_find_reads(reading, planned, rows_of_leaves, firsts, num_shards) for planned in group.batches]
        for group in groups
    ]
    room: dict[tuple[int, ...], Room] = {}
    for group, of_group in zip(groups, batches, strict=True):
        for planned, reads in zip(group.batches, of_group, strict=True):
            key = _key(group, planned)
            room[key] = Room(*map(max, room.get(key, Room(1, 1)), _needs(reads)))
    return [
        (
            group,
            [
                ReadyBatch(reading, group, planned, reads, Room(*map(rung, room[_key(group, planned)])), num_shards)
                for planned, reads in zip(group.batches, of_group, strict=True)
            ],
        )
        for group, of_group in zip(groups, batches, strict=True)
    ]


def stem_tokens(reading: Reading, group: StemGroup, pad_id: int) -> Array:
    """int32 `[stems, length]`: the tokens of a group's stems, the first of them again where there is room for more."""
    stems = np.full(group.num_stems, group.stems[0])
    stems[: len(group.stems)] = group.stems
    leaders = reading.distinct.order[reading.division.stem_firsts[stems]]
    depths = reading.division.stem_depths[stems]
    return rectangle(slices(reading.fed, leaders, np.zeros(len(stems), np.int64), depths), group.stem_length, pad_id)


def rung(number: int) -> int:
    """The least of 1, 2, 3, 4, 6, 8, 12, 16, 24 … that is at least `number`.

    Example:
      >>> [rung(number) for number in (1, 5, 9, 13)]
      [1, 6, 12, 16]
    """
    power = 1 << max(number - 1, 0).bit_length()
    return power * 3 // 4 if power >= 4 and power * 3 // 4 >= number else power


def _find_reads(
    reading: Reading, planned: PlannedReading, rows_of_leaves: Array, firsts: Array, num_shards: int
) -> _Reads:
    contexts = planned.contexts[planned.contexts >= 0]
    leaf, after = reading.division.firsts[contexts], reading.division.firsts[contexts + 1]
    members = ranges(firsts[leaf], firsts[after])  # row i of it: which rows are read in context i
    rows, owner = rows_of_leaves[members.values], np.repeat(np.arange(len(contexts)), members.lengths)
    tokens = ranges(reading.rows.starts[rows], reading.rows.ends[rows])
    which = np.repeat(np.arange(len(rows)), tokens.lengths)
    row, owner, position = rows[which], owner[which], tokens.values - 1
    context = contexts[owner]
    depth = reading.division.depths[context]
    choice = reading.distinct.holders[row] - reading.division.firsts[context]
    of_shard = len(planned.contexts) // num_shards
    shard, place = owner // of_shard, owner % of_shard
    length = 0 if reading.with_encoder else planned.length
    in_choices = of_shard * length + (place * planned.choices + choice) * planned.choice_length + position - depth
    in_context = place * length + position - reading.bases[context]
    shard_tokens = of_shard * (length + planned.choices * planned.choice_length)
    keys = shard * shard_tokens + np.where(position < depth, in_context, in_choices)
    places, inverse = np.unique(keys, return_inverse=True)
    numbers = reading.read_splits[row] + tokens.values - reading.rows.starts[row]
    ids = reading.rows.tokens.values[reading.rows.tokens.splits[row] + tokens.values]
    return _Reads(places, inverse, ids, numbers, shard_tokens)


def _needs(reads: _Reads) -> Room:
    shard = reads.places // reads.shard_tokens
    return Room(int(np.bincount(shard).max()), int(np.bincount(shard[reads.inverse]).max()))


def _key(group: StemGroup, planned: PlannedReading) -> tuple[int, ...]:
    """The shape of a batch, but for the room that its reads take."""
    shape = len(planned.contexts), planned.length, planned.choices, planned.choice_length
    return *shape, group.num_stems, group.slots
