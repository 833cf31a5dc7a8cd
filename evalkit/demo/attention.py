"""Attention with a cache, as functions of arrays: what the demo's models share, whichever library they are written in.

Keys lie as `[batch, heads, width, slots]` and values as `[batch, heads, slots, width]`, so that the two products of a
decoding step read the cache as it lies in memory; with the length in front, XLA transposes the whole cache at every
step on a CPU, and the step takes three times as long.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp


class KeysAndValues(NamedTuple):
    """What queries attend to: `keys` `[batch, heads, width, slots]` and `values` `[batch, heads, slots, width]`."""

    keys: jax.Array
    values: jax.Array


def empty_slots(batch_size: int, num_slots: int, num_heads: int, head_width: int, dtype: Any) -> KeysAndValues:
    """A cache of one layer in which nothing is written yet."""
    keys = jnp.zeros((batch_size, num_heads, head_width, num_slots), dtype)
    return KeysAndValues(keys, jnp.zeros((batch_size, num_heads, num_slots, head_width), dtype))


def num_slots(caches: Sequence[KeysAndValues]) -> int:
    """How many tokens of a row the caches of all layers have room for."""
    return caches[0].keys.shape[-1]


def as_slots(keys: jax.Array, values: jax.Array) -> KeysAndValues:
    """`keys` and `values` `[batch, length, heads, width]`, token i in slot i."""
    return KeysAndValues(keys.transpose(0, 2, 3, 1), values.transpose(0, 2, 1, 3))


def write_slots(cache: KeysAndValues, keys: jax.Array, values: jax.Array, places: jax.Array) -> KeysAndValues:
    """Writes `keys` and `values` `[batch, length, heads, width]` to the slots `places`, int32 `[batch, length]`.

    What has no slot is not written.
    """
    rows = jnp.arange(places.shape[0])[:, None]
    return KeysAndValues(
        cache.keys.at[rows, :, :, places].set(keys.astype(cache.keys.dtype), mode="drop"),
        cache.values.at[rows, :, places].set(values.astype(cache.values.dtype), mode="drop"),
    )


def attend(queries: jax.Array, slots: KeysAndValues, visible: jax.Array) -> jax.Array:
    """What each query reads from the slots that it sees.

    Args:
      queries: `[batch, length, heads, width]`.
      slots: keys and values.
      visible: bool `[batch or 1, length, slots]`; each query sees at least one slot.

    Returns:
      `[batch, length, heads, width]`, of the dtype of the queries. The weights are computed in float32.
    """
    scale = queries.shape[-1] ** -0.5
    scores = jnp.einsum("blhw,bhws->bhls", queries * scale, slots.keys, preferred_element_type=jnp.float32)
    weights = jax.nn.softmax(jnp.where(visible[:, None], scores, -jnp.inf), axis=-1).astype(queries.dtype)
    return jnp.einsum("bhls,bhsw->blhw", weights, slots.values)


def causal(places: jax.Array, slots: int) -> jax.Array:
    """Which slots are seen, bool `[batch, length, slots]`, from `places`, int32 `[batch, length]`: those up to it."""
    return jnp.arange(slots)[None, None] <= places[:, :, None]


def rotate(x: jax.Array, places: jax.Array) -> jax.Array:
    """Rotary positions (Su et al., 2021, arXiv:2104.09864): turns pairs of numbers of each head by angles that grow
    with the position, so that a product of two of them depends on their distance.

    Args:
      x: queries or keys `[batch, length, heads, width]`, the width even; number i is paired with i + width / 2.
      places: the position of each token, int32 `[batch, length]`.

    Returns:
      An array of the shape and dtype of `x`.
    """
    half = x.shape[-1] // 2
    frequencies = 10_000.0 ** (-jnp.arange(half, dtype=jnp.float32) / half)
    angles = places[:, :, None, None].astype(jnp.float32) * frequencies[None, None, None]
    cos, sin = jnp.cos(angles), jnp.sin(angles)
    first, second = x[..., :half].astype(jnp.float32), x[..., half:].astype(jnp.float32)
    turned = jnp.concatenate([first * cos - second * sin, second * cos + first * sin], axis=-1)
    return turned.astype(x.dtype)
