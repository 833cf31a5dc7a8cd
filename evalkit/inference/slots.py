"""The rows that are being generated, as arrays on the devices: one slot a row.

A slot holds what the model keeps of its row (cache and memory, or without a cache the tokens themselves), the token
that is fed next, and what the row has generated. Rows are admitted to slots whose rows are done, so that the shapes
stay as they are while prompts come and go.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from evalkit.inference.model import Model, Tree
from evalkit.inference.sampling import Rules, row_keys


class Kept(NamedTuple):
    """What the model keeps of each row; every leaf begins with the axis of the rows.

    Attributes:
      memory: what the encoder made of the inputs; None without one.
      cache: the model's cache; of a model that has none, int32 `[rows, length]`, the tokens so far.
    """

    memory: Tree
    cache: Tree


class Slots(NamedTuple):
    """What there is of each row.

    Attributes:
      kept: what the model keeps.
      tokens: int32 `[slots]`, the token that is fed next.
      positions: int32 `[slots]`, where in its row that token stands.
      counts: int32 `[slots]`, how many tokens were generated.
      limits: int32 `[slots]`, how many may be.
      running: bool `[slots]`, whether the row goes on.
      stopped: bool `[slots]`, whether it ended by a stop id.
      broken: bool `[slots]`, whether its logits were no numbers.
      keys: uint32 `[slots, 2]`, what it draws with.
      rules: how it chooses tokens.
      generated: int32 `[slots, room]`.
      log_probabilities: float32 `[slots, room]`, of the generated tokens.
    """

    kept: Kept
    tokens: Any
    positions: Any
    counts: Any
    limits: Any
    running: Any
    stopped: Any
    broken: Any
    keys: Any
    rules: Rules
    generated: Any
    log_probabilities: Any

    @property
    def size(self) -> int:
        """How many slots there are."""
        return int(self.tokens.shape[0])


class Admitted(NamedTuple):
    """Rows that come into slots, all int32 `[rows]` but the rules.

    Attributes:
      sources: which row of what was read.
      places: into which slot; a number beyond the last slot is filler.
      tokens: the last token of the prompt.
      positions: where it stands.
      limits: how many tokens may be generated.
      examples: the number of the example.
      samples: which of the example's samples this is.
      rules: how it chooses tokens.
    """

    sources: Any
    places: Any
    tokens: Any
    positions: Any
    limits: Any
    examples: Any
    samples: Any
    rules: Rules


def read_prompts(
    model: Model, length: int, params: Tree, tokens: jax.Array, inputs: jax.Array | None, input_lengths: Any
) -> Kept:
    """What the model keeps of prompts.

    Args:
      model: the model.
      length: for how many tokens there is to be room.
      params: its parameters.
      tokens: int32 `[rows, at most length]`, all tokens of each prompt but the last; padded.
      inputs: int32 `[rows, inputs]`, for an encoder; None without one.
      input_lengths: int32 `[rows]`, or None.
    """
    memory = model.memory(params, inputs, input_lengths)
    rows, longest = tokens.shape
    if not model.has_cache:
        return Kept(memory, jnp.pad(tokens, ((0, 0), (0, length - longest)), constant_values=model.pad_id))
    cache = model.init_cache(rows, length)
    if longest:
        _, cache = model.extend(params, memory, cache, tokens, jnp.zeros(rows, jnp.int32))
    return Kept(memory, cache)


def feed(model: Model, params: Tree, slots: Slots) -> tuple[jax.Array, Kept]:
    """What the model says after each row's next token, `[slots, ...]`, and what it keeps then.

    Without a cache the whole row is computed again, in as much room as a slot has.
    """
    memory, cache = slots.kept
    if model.has_cache:
        outputs, cache = model.extend(params, memory, cache, slots.tokens[:, None], slots.positions)
        return outputs[:, 0], Kept(memory, cache)
    rows = jnp.arange(slots.size)
    cache = cache.at[rows, slots.positions].set(slots.tokens)
    outputs = model.outputs(params, memory, cache)
    return outputs[rows, slots.positions], Kept(memory, cache)


def empty_slots(count: int, room: int, kept: Kept) -> Slots:
    """Slots without rows.

    Args:
      count: how many.
      room: for how many generated tokens.
      kept: what `read_prompts` returned for some prompts; says what is to be kept, and is only looked at.
    """

    def zeros(dtype: Any, *shape: int) -> jax.Array:
        return jnp.zeros((count, *shape), dtype)

    return Slots(
        kept=jax.tree.map(lambda leaf: zeros(leaf.dtype, *leaf.shape[1:]), kept),
        **{name: zeros(jnp.int32) for name in ("tokens", "positions", "counts", "limits")},
        **{name: zeros(jnp.bool_) for name in ("running", "stopped", "broken")},
        keys=zeros(jnp.uint32, 2),
        rules=Rules(zeros(jnp.float32), zeros(jnp.int32), jnp.ones(count)),  # greedy, and nothing is sorted for them
        generated=zeros(jnp.int32, room),
        log_probabilities=zeros(jnp.float32, room),
    )


def admit(slots: Slots, kept: Kept, rows: Admitted, seed: Any) -> Slots:
    """Puts rows into slots, from what was read; a row that was read may go into several slots."""
    count = len(rows.places)

    def put(into: Any, values: Any) -> Any:
        return jax.tree.map(lambda a, b: a.at[rows.places].set(b, mode="drop"), into, values)

    return Slots(
        kept=put(slots.kept, jax.tree.map(lambda leaf: leaf[rows.sources], kept)),
        tokens=put(slots.tokens, rows.tokens),
        positions=put(slots.positions, rows.positions),
        counts=put(slots.counts, jnp.zeros(count, jnp.int32)),
        limits=put(slots.limits, rows.limits),
        running=put(slots.running, jnp.ones(count, jnp.bool_)),
        stopped=put(slots.stopped, jnp.zeros(count, jnp.bool_)),
        broken=put(slots.broken, jnp.zeros(count, jnp.bool_)),
        keys=put(slots.keys, jax.random.key_data(row_keys(seed, rows.examples, rows.samples))),
        rules=put(slots.rules, rows.rules),
        generated=slots.generated,
        log_probabilities=slots.log_probabilities,
    )


def select(slots: Slots, places: Any) -> Slots:
    """Only the slots `places`, int32 `[fewer]`: the last rows need no more."""
    return Slots(*jax.tree.map(lambda leaf: leaf[places], tuple(slots)))


def rows_to_admit(count: int, filler: int, columns: dict[str, list[int]], rules: Rules) -> Admitted:
    """`Admitted` of `count` rows, the columns in numpy and filled up with rows whose place is `filler`."""
    filled = {name: np.full(count, filler if name == "places" else 0, np.int32) for name in columns}
    for name, values in columns.items():
        filled[name][: len(values)] = values
    return Admitted(**filled, rules=rules)
