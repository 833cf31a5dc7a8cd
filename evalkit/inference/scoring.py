"""The log-probability of a span of each row: the one thing from which all scores are made.

Rows are read in batches of few shapes, what they share once. Several batches are on their way at any time: while the
device computes one, the next is made ready and the results of the last are copied. Each result says which token of
which row it is about; that every token has exactly one is checked.

Log-probabilities are computed in float32, whatever the model computes in, and added up in float64.
"""

from __future__ import annotations

import collections
import dataclasses
from collections.abc import Iterator
from typing import Any, final

import numpy as np

from evalkit.columns import Array, Ragged
from evalkit.errors import ModelError, ModelOutputError
from evalkit.inference.agreement import all_alike
from evalkit.inference.model import Tree
from evalkit.inference.runtime import Runtime
from evalkit.inference.scoring_batches import ReadyBatch, ready_batches, stem_tokens
from evalkit.inference.scoring_plan import Reading, StemGroup, plan_reading, read_once
from evalkit.inference.scoring_step import ReadTokens, read_batch, read_stems
from evalkit.inference.spans import Rows, check_rows, slices
from evalkit.inference.windows import keep_tails

_IN_FLIGHT = 4  # batches


@final
@dataclasses.dataclass(frozen=True)
class Work:
    """What scoring some rows took.

    Attributes:
      tokens: how many tokens the rows have that must be fed, each row by itself; inputs of an encoder included.
      read_tokens: how many of them were read, what is shared counted once.
      computed_tokens: how many tokens were computed, padding and filler included.
      logit_positions: at how many positions logits were computed, filler included.
      batches: how many batches there were, stems included.
      shapes: how many different ones.
      compiles: how often anything was compiled for it.
    """

    tokens: int = 0
    read_tokens: int = 0
    computed_tokens: int = 0
    logit_positions: int = 0
    batches: int = 0
    shapes: int = 0
    compiles: int = 0


@final
@dataclasses.dataclass(frozen=True)
class SpanScores:
    """The scores of the spans of some rows, in the order of the rows.

    Attributes:
      log_probs: float32, the log-probability (nats) of each token of each span.
      best_ids: int32, what the model finds likeliest in the place of each of these tokens, of several the lowest id.
      is_best: bool, for each of these tokens whether it is that one.
      truncated: bool `[rows]`, whether the beginning of a row was cut off because the model cannot take all of it.
      work: what it took.
    """

    log_probs: Ragged
    best_ids: Ragged
    is_best: Ragged
    truncated: Array
    work: Work = Work()

    def __len__(self) -> int:
        return self.log_probs.num_rows

    @property
    def sums(self) -> Array:
        """float64 `[rows]`: the log-probability of each span, in nats."""
        sums = np.add.reduceat(self.log_probs.values, self.log_probs.splits[:-1], dtype=np.float64)
        return sums if len(self) else np.zeros(0)

    @property
    def counts(self) -> Array:
        """int64 `[rows]`: how many tokens each span has."""
        return self.log_probs.lengths

    @property
    def greedy(self) -> Array:
        """bool `[rows]`: whether greedy decoding would give the span."""
        return np.logical_and.reduceat(self.is_best.values, self.is_best.splits[:-1])

    def joined(self, sources: Array) -> SpanScores:
        """The scores of rows that were cut into windows (`sliding_windows`).

        Args:
          sources: int64 `[windows]`, of which row each is a window: all those of row 0, then of row 1, and so on.
        """
        firsts = np.searchsorted(sources, np.arange((sources[-1] if len(sources) else -1) + 2))
        splits = self.log_probs.splits[firsts]
        columns = [Ragged(column.values, splits) for column in (self.log_probs, self.best_ids, self.is_best)]
        return SpanScores(*columns, np.logical_or.reduceat(self.truncated, firsts[:-1]), self.work)


def score_rows(runtime: Runtime, params: Tree, rows: Rows) -> SpanScores:
    """Scores the span of each row.

    Of a row that is longer than the model, the tail is kept. Processes that compute together must be given the same
    rows; each gets all scores.

    Args:
      runtime: the model, and where and how it is computed.
      params: its parameters.
      rows: any number of rows, none included.

    Raises:
      RowError: an id is outside the vocabulary, a span is longer than the model, or inputs and the model do not belong
        together; before anything is computed.
      ModelError: the parameters do not fit; or a log-probability is NaN or infinite, and the message says where.
      ProcessError: another process has other rows, or failed.
    """
    before = runtime.compiled.compiles
    with all_alike("rows to be scored") as same:
        check_rows(rows, runtime.model)
        tails = keep_tails(rows, runtime.model.max_length, runtime.model.input_limit)
        inputs = rows.inputs if rows.inputs is not None else ()
        same(*rows.tokens, rows.starts, rows.ends, *inputs, runtime.ladder, runtime.cache_budget)
        params = runtime.ready(params)
        reading = read_once(tails.rows, runtime.model)
        groups = plan_reading(reading, runtime.ladder, runtime.cache_budget)
        batches = ready_batches(reading, groups, runtime.sharding.num_shards)
    splits = reading.read_splits
    log_probs, best_ids = np.zeros(splits[-1], np.float32), np.zeros(splits[-1], np.int32)
    seen, received = np.zeros(splits[-1], bool), 0
    for found in _fetched(_dispatched(runtime, params, reading, batches)):
        real = found.numbers >= 0
        numbers = found.numbers[real]
        log_probs[numbers], best_ids[numbers], seen[numbers] = found.log_probs[real], found.best_ids[real], True
        received += len(numbers)
        _check_finite(log_probs, np.sort(numbers), tails.rows, splits)
    if received != len(seen) or not seen.all():
        raise ModelOutputError(
            f"Each of {len(seen)} tokens must be scored once; {int((~seen).sum())} were not, and {received} scores came."
        )
    ids = slices(tails.rows.tokens, np.arange(len(rows)), tails.rows.starts, tails.rows.ends).values
    columns = [Ragged(values, splits) for values in (log_probs, best_ids, best_ids == ids)]
    return SpanScores(
        *columns, tails.truncated, _work(tails.rows, reading, batches, runtime.compiled.compiles - before)
    )


def _dispatched(
    runtime: Runtime, params: Tree, reading: Reading, groups: list[tuple[StemGroup, list[ReadyBatch]]]
) -> Iterator[ReadTokens]:
    """Gives the device one batch after another, the results of which are then under way."""
    model, sharding = runtime.model, runtime.sharding
    for group, batches in groups:
        stems = None
        if group.num_stems:
            tokens = stem_tokens(reading, group, model.pad_id)  # the same on every device
            stems = runtime.compiled.call(
                read_stems, params, tokens, static=(model, group.slots), out_shardings=sharding.replicated
            )
        for batch in batches:
            arrays = sharding.put(batch.arrays(model.pad_id))
            found = runtime.compiled.call(
                read_batch, params, stems, arrays, static=(model,), out_shardings=sharding.replicated
            )
            yield sharding.to_host(found)


def _fetched(dispatched: Iterator[ReadTokens]) -> Iterator[ReadTokens]:
    """The results as arrays of numpy, each fetched when some more batches have been dispatched."""
    waiting: collections.deque[ReadTokens] = collections.deque()
    for found in dispatched:
        waiting.append(found)
        if len(waiting) >= _IN_FLIGHT:
            yield ReadTokens(*map(np.asarray, waiting.popleft()))
    while waiting:
        yield ReadTokens(*map(np.asarray, waiting.popleft()))


def _check_finite(log_probs: Array, numbers: Array, rows: Rows, splits: Array) -> None:
    wrong = numbers[~np.isfinite(log_probs[numbers])]
    if len(wrong):
        row = int(np.searchsorted(splits, wrong[0], side="right")) - 1
        place = int(rows.starts[row] + wrong[0] - splits[row])
        raise ModelError(
            f"Row {row} of {len(rows)}: the log-probability of its token {place} (id {rows.tokens.row(row)[place]}) is "
            f"{log_probs[wrong[0]]}; {len(wrong)} of the {len(numbers)} tokens of its batch are not finite. The logits "
            "hold NaN or infinity, or say that the token is impossible."
        )


def _work(rows: Rows, reading: Reading, groups: list[tuple[StemGroup, list[ReadyBatch]]], compiles: int) -> Work:
    batches = [batch for _, of_group in groups for batch in of_group]
    stems = [group.num_stems * group.stem_length for group, _ in groups if group.num_stems]
    inputs = 0 if rows.inputs is None else int(rows.inputs.lengths.sum())
    stem_shapes = {(group.num_stems, group.stem_length, group.slots) for group, _ in groups if group.num_stems}
    return Work(
        tokens=int(rows.fed_lengths.sum()) + inputs,
        read_tokens=reading.tokens,
        computed_tokens=sum(batch.planned.tokens for batch in batches) + sum(stems),
        logit_positions=sum(batch.num_shards * batch.num_places for batch in batches),
        batches=len(batches) + len(stems),
        shapes=len({batch.shape for batch in batches}) + len(stem_shapes),
        compiles=compiles,
    )
