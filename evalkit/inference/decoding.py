"""The loop that generates: one token for every slot, again and again, until enough rows are done.

The whole loop is one compiled function. How long it goes on, what stops a row and how its tokens are chosen are
arguments of it.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from evalkit.columns import Array
from evalkit.inference.model import Model, Tree
from evalkit.inference.sampling import KEYS, next_tokens
from evalkit.inference.slots import Slots, feed

_STOP_IDS = 8  # room for stop ids comes in multiples of this


class Progress(NamedTuple):
    """What the host is told after some steps, each of its `Slots` of the same name.

    Attributes:
      steps: int32, how many steps were taken.
    """

    running: Any
    stopped: Any
    broken: Any
    counts: Any
    generated: Any
    log_probabilities: Any
    steps: Any


def stop_table(stop_ids: tuple[int, ...]) -> Array:
    """int32: the ids, filled up with -1, so that one more or less compiles nothing.

    Example:
      >>> stop_table((5, 2)).tolist()
      [2, 5, -1, -1, -1, -1, -1, -1]
    """
    ids = sorted(set(stop_ids))
    table = np.full(max(-(-len(ids) // _STOP_IDS), 1) * _STOP_IDS, -1, np.int32)
    table[: len(ids)] = ids
    return table


def decode(
    model: Model, params: Tree, slots: Slots, stop_ids: Any, released: Any, enough: Any, most_steps: Any
) -> tuple[Slots, Progress]:
    """Generates until `enough` slots are free, or no row runs, or `most_steps` were taken.

    Args:
      model: the model.
      params: its parameters.
      slots: the rows.
      stop_ids: int32 `[ids]`, which tokens end a row; -1 is none.
      released: bool `[slots]`, rows that are not to go on.
      enough: int32, how many free slots are.
      most_steps: int32.

    Returns:
      The slots after that, and what the host needs to know of them.
    """
    slots = slots._replace(running=slots.running & ~released)

    def goes_on(state: tuple[Slots, jax.Array]) -> jax.Array:
        slots, steps = state
        running = jnp.sum(slots.running)
        wanted: jax.Array = (running > 0) & (slots.size - running < enough) & (steps < most_steps)
        return wanted

    def step(state: tuple[Slots, jax.Array]) -> tuple[Slots, jax.Array]:
        slots, steps = state
        outputs, kept = feed(model, params, slots)
        return _generate(
            slots._replace(kept=kept), model.logits(params, outputs), model.vocab_size, stop_ids
        ), steps + 1

    slots, steps = jax.lax.while_loop(goes_on, step, (slots, jnp.int32(0)))
    told = {name: getattr(slots, name) for name in Progress._fields if name != "steps"}
    return slots, Progress(**told, steps=steps)


def _generate(slots: Slots, logits: jax.Array, vocab_size: int, stop_ids: Any) -> Slots:
    """The slots with one token more in those that run; `logits` float32 `[slots, V]`."""
    possible = logits[:, :vocab_size]
    keys = jax.random.wrap_key_data(slots.keys, impl=KEYS)
    tokens = next_tokens(possible, slots.rules, keys, slots.counts)
    totals = jax.nn.logsumexp(logits, axis=-1)
    rows = jnp.arange(slots.size)
    log_probabilities = logits[rows, tokens] - totals
    broken = slots.running & ~jnp.isfinite(totals)
    stopped = slots.running & jnp.any(tokens[:, None] == stop_ids[None], axis=1)
    counts = slots.counts + slots.running
    columns = jnp.where(slots.running, slots.counts, slots.generated.shape[1])  # beyond the last: not written
    return slots._replace(
        tokens=jnp.where(slots.running, tokens, slots.tokens),
        positions=slots.positions + slots.running,
        counts=counts,
        running=slots.running & ~stopped & ~broken & (counts < slots.limits),
        stopped=slots.stopped | stopped,
        broken=slots.broken | broken,
        generated=slots.generated.at[rows, columns].set(tokens, mode="drop"),
        log_probabilities=slots.log_probabilities.at[rows, columns].set(log_probabilities, mode="drop"),
    )
