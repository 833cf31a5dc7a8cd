"""The log-probability of a span of each row: the one thing from which all scores are made.

Rows are read in batches of few shapes, what they share once. Several batches are on their way at any time: while the
device computes one, the next is made ready and the results of the last are copied. Each result says which token of
which row it is about; that every token has exactly one is checked.

Log-probabilities are computed in float32, whatever the model computes in, and added up in float64.
"""

from __future__ import annotations

import collections
import logging
from collections.abc import Iterator

import numpy as np

from evalkit.columns import Array, Ragged
from evalkit.errors import ModelError, ModelOutputError
from evalkit.inference.agreement import all_alike
from evalkit.inference.model import Tree
from evalkit.inference.runtime import Runtime
from evalkit.inference.scoring_batches import ReadyBatch, ready_batches, stem_tokens
from evalkit.inference.scoring_plan import Reading, StemGroup, plan_reading, read_once
from evalkit.inference.scoring_step import ReadTokens, read_batch, read_stems
from evalkit.inference.span_scores import SpanScores, Work
from evalkit.inference.spans import Rows, check_rows, slices
from evalkit.inference.windows import keep_tails

_log = logging.getLogger(__name__)
_IN_FLIGHT = 4  # batches


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
            f"Each of {len(seen)} tokens must be scored once; {int((~seen).sum())} were not, and there were {received} "
            "scores."
        )
    if tails.truncated.any():
        _log.warning(
            "%d of %d rows are longer than the model; their tails were scored.", tails.truncated.sum(), len(rows)
        )
    ids = slices(tails.rows.tokens, np.arange(len(rows)), tails.rows.starts, tails.rows.ends).values
    work = _work(tails.rows, reading, batches, runtime.compiled.compiles - before)
    return SpanScores(
        Ragged(log_probs, splits), Ragged(best_ids, splits), Ragged(best_ids == ids, splits), tails.truncated, work
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
        logit_positions=sum(batch.num_shards * batch.room.places for batch in batches),
        batches=len(batches) + len(stems),
        shapes=len({batch.shape for batch in batches}) + len(stem_shapes),
        compiles=compiles,
    )
