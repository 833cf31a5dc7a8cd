"""What is computed for one batch of contexts and choices: the log-probability of each token that is read.

Logits are the largest thing there is, `[positions, vocabulary]`, so they are made for those positions only at which
something is read, each once, however many ids are read there. The positions are a flat list for each shard of the
batch: one long answer in a batch of short ones costs its own length and nothing else.

Choices are read one after another into the same slots of the cache, each over the last one. A choice attends to the
context before it and to itself, so what the last one wrote is overwritten or out of sight; and the cache need not be
copied for every choice.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from evalkit.inference.model import Model, Tree

_LOGIT_BYTES = 2**28
_CPU_LOGIT_BYTES = 2**23
_WIDEST_BLOCK = 256  # ids


class Batch(NamedTuple):
    """The arrays of a batch. The first axis is spread over the devices: rows, or the shards of the rows.

    Attributes:
      tokens: int32 `[rows, length]`, contexts, or the inputs of an encoder.
      lengths: int32 `[rows]`, of the inputs; None without an encoder.
      bases: int32 `[rows]`, the positions of the first tokens; None where nothing is behind a cache.
      stems: int32 `[rows]`, which row of the cache of stems each is behind; None without stems.
      choices: int32 `[rows, choices, choice length]`; None without choices.
      depths: int32 `[rows]`, where the choices begin; None without choices.
      places: int32 `[shards, places]`, at which something is read, counted through the tokens of a shard and then
        through its choices.
      read_places: int32 `[shards, reads]`, which of `places` each is read at.
      read_ids: int32 `[shards, reads]`, the id that is read.
      read_numbers: int32 `[shards, reads]`, which of all reads it is; -1 is filler.
    """

    tokens: Any
    lengths: Any
    bases: Any
    stems: Any
    choices: Any
    depths: Any
    places: Any
    read_places: Any
    read_ids: Any
    read_numbers: Any


class ReadTokens(NamedTuple):
    """What was read, each `[shards, reads]`: which read it is, the log-probability of its id (float32), and the id that
    is likeliest there (the lowest of several).
    """

    numbers: Any
    log_probs: Any
    best_ids: Any


def read_stems(model: Model, slots: int, params: Tree, tokens: Any) -> Tree:
    """The cache of stems, int32 `[stems, length]`, with room for what comes behind them."""
    cache = model.init_cache(tokens.shape[0], slots)
    return model.extend(params, None, cache, tokens, jnp.zeros(tokens.shape[0], jnp.int32))[1]


def read_batch(model: Model, params: Tree, stems: Tree, batch: Batch) -> ReadTokens:
    """Reads one batch, behind a cache of stems if it has any."""
    outputs, choice_outputs = _outputs(model, params, stems, batch)
    selected = _select(outputs, choice_outputs, batch.places)
    totals, best_ids, found = _read_logits(model, params, selected, batch)
    at_reads = [jnp.take_along_axis(values, batch.read_places, axis=1) for values in (totals, best_ids)]
    return ReadTokens(batch.read_numbers, found - at_reads[0], at_reads[1])


def _outputs(model: Model, params: Tree, stems: Tree, batch: Batch) -> tuple[Any, Any]:
    """What the model says at the contexts, `[rows, length, ...]`, and at the choices, `[rows, choices, length, ...]`;
    None where there are none.
    """
    if batch.lengths is not None:
        memory = model.memory(params, batch.tokens, batch.lengths)
        _, said = jax.lax.scan(
            lambda _, tokens: (None, model.outputs(params, memory, tokens)), None, batch.choices.swapaxes(0, 1)
        )
        return None, said.swapaxes(0, 1)
    if batch.bases is None:
        return model.outputs(params, None, batch.tokens), None
    rows = batch.tokens.shape[0]
    if batch.stems is None:
        cache = model.init_cache(rows, batch.tokens.shape[1] + batch.choices.shape[2])
    else:
        cache = jax.tree.map(lambda leaf: leaf[batch.stems], stems)
    outputs, cache = model.extend(params, None, cache, batch.tokens, batch.bases)
    if batch.choices is None:
        return outputs, None

    def read_choice(cache: Tree, tokens: Any) -> tuple[Tree, Any]:
        said, cache = model.extend(params, None, cache, tokens, batch.depths)
        return cache, said

    _, said = jax.lax.scan(read_choice, cache, batch.choices.swapaxes(0, 1))
    return outputs, said.swapaxes(0, 1)


def _select(outputs: Any, choice_outputs: Any, places: Any) -> Any:
    """`[shards, places, ...]`: what was said at `places`."""
    parts = [
        part.reshape(places.shape[0], -1, part.shape[-1]) for part in (outputs, choice_outputs) if part is not None
    ]
    if len(parts) == 1:
        return _take(parts[0], places)
    first = parts[0].shape[1]
    from_contexts = _take(parts[0], jnp.minimum(places, first - 1))
    from_choices = _take(parts[1], jnp.maximum(places - first, 0))
    return jnp.where((places < first)[:, :, None], from_contexts, from_choices)


def _take(said: Any, *places: Any) -> Any:
    """Elements of each shard; nothing goes from one device to another for it."""

    def take(of_shard: Any, *wanted: Any) -> Any:
        return of_shard[wanted]

    return jax.vmap(take)(said, *places)


def _read_logits(model: Model, params: Tree, selected: Any, batch: Batch) -> tuple[Any, Any, Any]:
    """At each place the logarithm of the sum of exp(logit) and the likeliest id; at each read the logit of its id."""
    shards, places = batch.places.shape
    parts = 1
    while parts * _logit_bytes() < 4 * places * model.vocab_size and places % (2 * parts) == 0:
        parts *= 2
    size = places // parts

    def read_part(found: Any, part: tuple[Any, Any]) -> tuple[Any, tuple[Any, Any]]:
        first, said = part
        logits = model.logits(params, said)
        inside = (batch.read_places >= first) & (batch.read_places < first + size)
        read = _take(logits, jnp.clip(batch.read_places - first, 0, size - 1), batch.read_ids)
        top, best_ids = _likeliest(logits)
        totals = jnp.log(jnp.exp(logits - top).sum(axis=-1)) + top[..., 0]
        return jnp.where(inside, read, found), (totals, best_ids)

    found = jnp.zeros(batch.read_places.shape, jnp.float32)
    if parts == 1:
        found, (totals, best_ids) = read_part(found, (0, selected))
        return totals, best_ids, found
    cut = selected.reshape(shards, parts, size, selected.shape[-1]).swapaxes(0, 1)
    found, (totals, best_ids) = jax.lax.scan(read_part, found, (jnp.arange(parts) * size, cut))
    return *(values.swapaxes(0, 1).reshape(shards, places) for values in (totals, best_ids)), found


def _logit_bytes() -> int:
    """How large logits may be before they are made a part at a time: on a CPU a part should stay in its cache."""
    return _CPU_LOGIT_BYTES if jax.default_backend() == "cpu" else _LOGIT_BYTES


def _likeliest(logits: Any) -> tuple[Any, Any]:
    """The highest of logits `[..., V]`, as `[..., 1]`, and its id, of several the lowest.

    The highest of every block comes first, and then the ids of one block: XLA does not vectorise an argmax on a CPU,
    and over all ids it would take longer than the sum of exponentials.
    """
    size = logits.shape[-1]
    width = next(divisor for divisor in range(min(size, _WIDEST_BLOCK), 0, -1) if size % divisor == 0)
    blocks = logits.reshape(*logits.shape[:-1], size // width, width)
    tops = blocks.max(axis=-1)
    top = tops.max(axis=-1, keepdims=True)
    block = _first(tops == top)
    inside = jnp.take_along_axis(blocks, block[..., None, None], axis=-2)[..., 0, :]
    return top, block * width + _first(inside == top)


def _first(true: Any) -> Any:
    """Which is the first of the last axis that is true; one too many if none is, as where there is NaN."""
    numbers = jax.lax.broadcasted_iota(jnp.int32, true.shape, true.ndim - 1)
    return jnp.where(true, numbers, true.shape[-1]).min(axis=-1)
