"""One pool from its first prompt to its last: who is in which slot, and when the device is asked for what.

The device generates until an eighth of the slots is free; then rows that wait are admitted. When none waits and only
few rows are left, they move into a quarter of the slots, and what is computed is a quarter too.
"""

from __future__ import annotations

import collections
from collections.abc import Iterator
from typing import NamedTuple, final

import numpy as np

from evalkit.columns import Array, Ragged
from evalkit.errors import ModelError
from evalkit.inference.decoding import Progress, decode, stop_table
from evalkit.inference.generation_plan import Chunk, Pool
from evalkit.inference.generations import Answer, GenerationWork
from evalkit.inference.model import Tree
from evalkit.inference.prompts import Prompts
from evalkit.inference.runtime import Runtime
from evalkit.inference.sampling import SamplingParams
from evalkit.inference.slots import Kept, Slots, admit, empty_slots, read_prompts, rows_to_admit, select
from evalkit.inference.stop_strings import StopStrings

_STEPS_BETWEEN_LOOKS = 8  # for stop strings, which only the host can see
_NARROWING = 4
_FEWEST_ROOM = 16


class Waiting(NamedTuple):
    """A row that may be admitted.

    Attributes:
      prompt: its number.
      sample: which answer to the prompt this is to be.
      source: the row of `kept` that belongs to the prompt.
      kept: what was read with it.
    """

    prompt: int
    sample: int
    source: int
    kept: Kept


def room_for(max_new_tokens: int) -> int:
    """How many generated tokens a slot has room for: a power of two, so that there are few."""
    room = _FEWEST_ROOM
    while room < max_new_tokens:
        room *= 2
    return room


@final
class PoolRun:
    """Generates the answers of one pool."""

    def __init__(
        self, runtime: Runtime, params: Tree, pool: Pool, prompts: Prompts, sampling: SamplingParams, stop: StopStrings
    ) -> None:
        """Nothing is computed before `answers`."""
        self._runtime, self._params, self._pool, self._prompts = runtime, params, pool, prompts
        self._sampling, self._stop = sampling, stop
        self._stop_ids = stop_table((*runtime.model.eos_ids, *sampling.stop_ids))
        self._waiting: collections.deque[Waiting] = collections.deque()
        self._chunks = collections.deque(pool.chunks)
        self._rows: list[Waiting | None] = [None] * pool.slots  # who is in which slot
        self._seen = np.zeros(pool.slots, np.int64)  # how many tokens are known to have no stop string
        self._released = np.zeros(pool.slots, bool)  # whose rows the device still holds for running
        self._slots: Slots | None = None

    def answers(self, work: GenerationWork) -> Iterator[tuple[int, int, Answer]]:
        """Prompt, sample and answer of each row, in the order in which rows are done; `work` is added up.

        Raises:
          ModelError: the logits of a row are not numbers.
        """
        while True:
            self._refill(work)
            self._narrow()
            if not any(self._rows):
                return
            progress = self._decode(work)
            self._released[:] = False
            for slot, row in enumerate(self._rows):
                if row is None:
                    continue
                answer = self._answer(slot, row, progress)
                if answer is not None:
                    self._released[slot] = bool(progress.running[slot])
                    self._rows[slot], self._seen[slot] = None, 0
                    work.new_tokens += len(answer.tokens)
                    yield row.prompt, row.sample, answer

    def _refill(self, work: GenerationWork) -> None:
        free = [slot for slot, row in enumerate(self._rows) if row is None]
        while free and (self._waiting or self._chunks):
            if not self._waiting:
                self._read(self._chunks.popleft(), work)
            taken = min(len(free), len(self._waiting), self._pool.chunk_rows)
            self._admit(free[:taken])
            free = free[taken:]
            work.refills += 1

    def _read(self, chunk: Chunk, work: GenerationWork) -> None:
        """Reads prompts; their rows wait then."""
        model, pool, prompts = self._runtime.model, self._pool, self._prompts
        tokens = _padded(prompts.tokens, chunk.indices, chunk.length, model.pad_id, drop=1)
        inputs = lengths = None
        if prompts.inputs is not None:
            inputs = _padded(prompts.inputs, chunk.indices, pool.input_length, model.pad_id)
            lengths = np.where(chunk.indices < 0, 1, prompts.inputs.lengths[chunk.indices]).astype(np.int32)
            work.prompt_tokens += int(lengths[chunk.indices >= 0].sum())
        tokens, inputs, lengths = self._runtime.sharding.put((tokens, inputs, lengths))
        kept = self._runtime.compiled.call(
            read_prompts,
            *(self._params, tokens, inputs, lengths),
            static=(model, pool.length),
            out_shardings=self._runtime.sharding.by_rows,
        )
        for source, prompt in enumerate(chunk.indices.tolist()):
            if prompt >= 0:
                work.prompt_tokens += int(prompts.tokens.lengths[prompt]) - 1
                self._waiting.extend(Waiting(prompt, i, source, kept) for i in range(self._sampling.num_samples))
        work.read_tokens += len(chunk.indices) * (chunk.length + pool.input_length)

    def _admit(self, places: list[int]) -> None:
        kept = self._waiting[0].kept
        rows = [self._waiting.popleft() for _ in places]
        for place, row in zip(places, rows, strict=True):
            self._rows[place], self._released[place] = row, False
        prompts = [row.prompt for row in rows]
        lasts = [self._prompts.tokens.splits[prompt + 1] - 1 for prompt in prompts]
        columns = {
            "sources": [row.source for row in rows],
            "places": places,
            "tokens": [self._prompts.tokens.values[last] for last in lasts],
            "positions": [self._prompts.tokens.lengths[prompt] - 1 for prompt in prompts],
            "limits": [self._sampling.max_new_tokens] * len(rows),
            "examples": [self._prompts.examples[prompt] for prompt in prompts],
            "samples": [row.sample for row in rows],
        }
        count = self._pool.chunk_rows
        admitted = rows_to_admit(count, self._pool.slots, columns, self._sampling.rules(count))
        compiled, by_rows = self._runtime.compiled, self._runtime.sharding.by_rows
        if self._slots is None:
            static = (self._pool.slots, room_for(self._sampling.max_new_tokens))
            self._slots = compiled.call(empty_slots, kept, static=static, out_shardings=by_rows)
        seed = np.uint32(self._sampling.seed)
        self._slots = compiled.call(admit, self._slots, kept, admitted, seed, out_shardings=by_rows, donate=(0,))

    def _narrow(self) -> None:
        """Moves the last rows into fewer slots, as soon as they fit."""
        shards = self._runtime.sharding.num_shards
        while not self._waiting and not self._chunks:
            fewer = len(self._rows) // _NARROWING // shards * shards
            taken = [slot for slot, row in enumerate(self._rows) if row is not None]
            if not 0 < len(taken) <= fewer:
                break
            others = [slot for slot, row in enumerate(self._rows) if row is None]
            places = np.array([*taken, *others][:fewer], np.int32)
            self._slots = self._runtime.compiled.call(
                select, self._slots, places, out_shardings=self._runtime.sharding.by_rows
            )
            self._rows = [self._rows[place] for place in places]
            self._seen, self._released = self._seen[places], self._released[places]

    def _decode(self, work: GenerationWork) -> Progress:
        sharding, slots = self._runtime.sharding, len(self._rows)
        waiting = len(self._waiting) + len(self._chunks)
        enough = min(waiting, self._pool.chunk_rows) or slots
        steps = _STEPS_BETWEEN_LOOKS if self._stop.strings else self._sampling.max_new_tokens
        self._slots, told = self._runtime.compiled.call(
            decode,
            *(
                self._params,
                self._slots,
                self._stop_ids,
                sharding.put(self._released),
                np.int32(enough),
                np.int32(steps),
            ),
            static=(self._runtime.model,),
            out_shardings=None if sharding.mesh is None else (sharding.by_rows, sharding.replicated),
            donate=(1,),
        )
        progress = Progress(*map(np.asarray, sharding.to_host(told)))
        work.steps += int(progress.steps)
        work.slot_steps += int(progress.steps) * slots
        return progress

    def _answer(self, slot: int, row: Waiting, progress: Progress) -> Answer | None:
        """What a row has generated, if it is done."""
        count = int(progress.counts[slot])
        if progress.broken[slot]:
            raise ModelError(
                f"Prompt {row.prompt} of {len(self._prompts)} (example {self._prompts.examples[row.prompt]}): the "
                f"logits for its new token {count - 1} are NaN or infinite."
            )
        stopped = bool(progress.stopped[slot])
        tokens = progress.generated[slot, :count]
        end = self._stop.first_end(tokens[: count - stopped].tolist(), int(self._seen[slot]))
        if end is None and progress.running[slot]:
            self._seen[slot] = count
            return None
        if end is not None:
            count, stopped = end, False
        return Answer(tokens[:count].copy(), progress.log_probabilities[slot, :count].copy(), stopped)


def _padded(rows: Ragged, indices: Array, length: int, pad_id: int, drop: int = 0) -> Array:
    """int32 `[indices, length]`: the rows without their last `drop` tokens; a row of index -1 is padding."""
    result = np.full((len(indices), length), pad_id, np.int32)
    for place, index in enumerate(indices.tolist()):
        if index >= 0:
            row = rows.row(index)
            result[place, : len(row) - drop] = row[: len(row) - drop]
    return result
