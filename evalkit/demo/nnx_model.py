"""A causal transformer with rotary positions and a key–value cache, in Flax nnx."""

from __future__ import annotations

from typing import Any, final

import jax
import jax.numpy as jnp
from flax import nnx

from evalkit.demo.attention import KeysAndValues, as_slots, attend, causal, empty_slots, num_slots, rotate, write_slots


@final
class NnxBlock(nnx.Module):
    """Attention and a feed-forward layer, each normalised before and added to what came in."""

    def __init__(self, width: int, num_heads: int, dropout_rate: float, rngs: nnx.Rngs) -> None:
        self.num_heads = num_heads
        self.before_attention = nnx.LayerNorm(width, epsilon=1e-5, rngs=rngs)
        self.queries_keys_values = nnx.Linear(width, 3 * width, rngs=rngs)
        self.output = nnx.Linear(width, width, rngs=rngs)
        self.before_feed_forward = nnx.LayerNorm(width, epsilon=1e-5, rngs=rngs)
        self.inner = nnx.Linear(width, 4 * width, rngs=rngs)
        self.outer = nnx.Linear(4 * width, width, rngs=rngs)
        self.dropout = nnx.Dropout(dropout_rate, rngs=rngs)

    def __call__(
        self, x: jax.Array, places: jax.Array, visible: jax.Array, cache: KeysAndValues | None
    ) -> tuple[jax.Array, KeysAndValues]:
        """`x` `[batch, length, width]` at `places` of its rows, and the slots that were written."""
        projected = self.queries_keys_values(self.before_attention(x))
        heads = projected.reshape(*x.shape[:2], 3 * self.num_heads, x.shape[2] // self.num_heads)
        queries, keys, values = jnp.split(heads, 3, axis=2)
        queries, keys = rotate(queries, places), rotate(keys, places)
        slots = as_slots(keys, values) if cache is None else write_slots(cache, keys, values, places)
        x = x + self.dropout(self.output(attend(queries, slots, visible).reshape(x.shape)))
        return x + self.dropout(self.outer(nnx.gelu(self.inner(self.before_feed_forward(x))))), slots


@final
class NnxLanguageModel(nnx.Module):
    """Next-token logits from the tokens so far, all at once or a few at a time; its own table for the logits.

    Args:
      vocab_size: how many ids there are.
      width: the size of the hidden state.
      num_layers: how many blocks.
      num_heads: attention heads of each block; `width / num_heads` must be even.
      dropout_rate: the share that is dropped in training.
      rngs: where the parameters come from.
    """

    def __init__(
        self,
        vocab_size: int,
        width: int = 64,
        num_layers: int = 2,
        num_heads: int = 4,
        dropout_rate: float = 0.0,
        *,
        rngs: nnx.Rngs,
    ) -> None:
        self.token_embedding = nnx.Embed(vocab_size, width, rngs=rngs)
        blocks = [NnxBlock(width, num_heads, dropout_rate, rngs) for _ in range(num_layers)]
        self.blocks = nnx.List(blocks)
        self.final_norm = nnx.LayerNorm(width, epsilon=1e-5, rngs=rngs)
        self.logits = nnx.Linear(width, vocab_size, rngs=rngs)

    def __call__(self, tokens: jax.Array) -> jax.Array:
        """int32 `[batch, length]` to logits `[batch, length, vocab_size]`; position i sees tokens 0..i."""
        return self.unembed(self.hidden(tokens))

    def hidden(self, tokens: jax.Array) -> jax.Array:
        """int32 `[batch, length]` to hidden states `[batch, length, width]`, of which `unembed` makes logits."""
        places = jnp.broadcast_to(jnp.arange(tokens.shape[1])[None], tokens.shape)
        return self._run(tokens, places, tokens.shape[1], [None] * len(self.blocks))[0]

    def extend(
        self, cache: tuple[KeysAndValues, ...], tokens: jax.Array, positions: jax.Array
    ) -> tuple[jax.Array, tuple[KeysAndValues, ...]]:
        """As `CachedLanguageModel.extend`."""
        places = positions[:, None] + jnp.arange(tokens.shape[1])[None]
        return self._run(tokens, places, num_slots(cache), cache)

    def unembed(self, hidden: jax.Array) -> jax.Array:
        """Hidden states `[..., width]` to logits `[..., vocab_size]`."""
        return jnp.asarray(self.logits(hidden))

    def init_cache(self, batch_size: int, length: int) -> tuple[KeysAndValues, ...]:
        """Empty slots for `length` tokens of each row, one cache a layer."""
        heads = self.blocks[0].num_heads
        width = self.token_embedding.features // heads
        return (empty_slots(batch_size, length, heads, width, self.token_embedding.dtype),) * len(self.blocks)

    def _run(
        self, tokens: jax.Array, places: jax.Array, slots: int, caches: Any
    ) -> tuple[jax.Array, tuple[KeysAndValues, ...]]:
        x = self.token_embedding(tokens)
        written = []
        for block, cache in zip(self.blocks, caches, strict=True):
            x, kept = block(x, places, causal(places, slots), cache)
            written.append(kept)
        return self.final_norm(x), tuple(written)
