"""A causal transformer with a key–value cache, in Flax linen: GPT-2's layout, or with rotary positions.

With learned positions it is GPT-2 (Radford et al., 2019) to the letter: normalised before each layer with an epsilon of
1e-5, GELU by its tanh approximation, biases everywhere, the embedding used again for the logits. Weights of that model
can be copied into it and out of it.
"""

from __future__ import annotations

from typing import Any, final

import flax.linen as nn
import jax
import jax.numpy as jnp

from evalkit.demo.attention import KeysAndValues, as_slots, attend, causal, empty_slots, num_slots, rotate, write_slots
from evalkit.errors import ArgumentError
from evalkit.inference.methods import Methods

_SMALL = nn.initializers.normal(0.02)
POSITIONS = ("learned", "rotary")
# For the adapters of `evalkit.inference`; the same methods as of `NnxLanguageModel`.
METHODS = Methods(outputs="hidden", unembed="unembed", extend="extend", init_cache="init_cache")


@final
class SelfAttention(nn.Module):
    """Each token reads from those that it sees.

    Attributes:
      width: of the hidden state.
      num_heads: divides `width`.
      rotary: whether queries and keys are turned by their position.
      dtype: of the computation.
    """

    width: int
    num_heads: int
    rotary: bool
    dtype: Any

    @nn.compact
    def __call__(
        self, x: jax.Array, places: jax.Array, visible: jax.Array, cache: KeysAndValues | None = None
    ) -> tuple[jax.Array, KeysAndValues]:
        """Reads, and writes what others may read.

        Args:
          x: `[batch, length, width]`.
          places: int32 `[batch, length]`, where in its row each token stands.
          visible: bool `[batch, length, slots]`, which slots each token sees.
          cache: what was written so far; None where `x` is all that there is, token i in slot i.

        Returns:
          What was read, `[batch, length, width]`, and the slots.
        """
        projected = nn.Dense(3 * self.width, dtype=self.dtype, kernel_init=_SMALL, name="queries_keys_values")(x)
        heads = projected.reshape(*x.shape[:2], 3 * self.num_heads, self.width // self.num_heads)
        queries, keys, values = jnp.split(heads, 3, axis=2)
        if self.rotary:
            queries, keys = rotate(queries, places), rotate(keys, places)
        slots = as_slots(keys, values) if cache is None else write_slots(cache, keys, values, places)
        read = attend(queries, slots, visible).reshape(x.shape)
        return nn.Dense(self.width, dtype=self.dtype, kernel_init=_SMALL, name="output")(read), slots


@final
class FeedForward(nn.Module):
    """Two layers with GELU between them, the inner one four times as wide."""

    width: int
    dtype: Any

    @nn.compact
    def __call__(self, x: jax.Array) -> jax.Array:
        """Float `[batch, length, width]` to the same."""
        inner = nn.Dense(4 * self.width, dtype=self.dtype, kernel_init=_SMALL, name="inner")(x)
        return nn.Dense(self.width, dtype=self.dtype, kernel_init=_SMALL, name="outer")(nn.gelu(inner))


def layer_norm(dtype: Any, name: str | None = None) -> nn.LayerNorm:
    """The normalisation that every layer of these models has before it."""
    return nn.LayerNorm(epsilon=1e-5, dtype=dtype, name=name)


@final
class CachedBlock(nn.Module):
    """Attention and a feed-forward layer, each normalised before and added to what came in."""

    width: int
    num_heads: int
    rotary: bool
    dtype: Any

    @nn.compact
    def __call__(
        self, x: jax.Array, places: jax.Array, visible: jax.Array, cache: KeysAndValues | None = None
    ) -> tuple[jax.Array, KeysAndValues]:
        """As `SelfAttention`."""
        attention = SelfAttention(self.width, self.num_heads, self.rotary, self.dtype, name="attention")
        read, cache = attention(layer_norm(self.dtype, "before_attention")(x), places, visible, cache)
        x = x + read
        feed_forward = FeedForward(self.width, self.dtype, name="feed_forward")
        return x + feed_forward(layer_norm(self.dtype, "before_feed_forward")(x)), cache


@final
class CachedLanguageModel(nn.Module):
    """Next-token logits from the tokens so far, all at once or a few at a time.

    Attributes:
      vocab_size: how many ids there are.
      max_length: the longest sequence.
      width: the size of the hidden state.
      num_layers: how many blocks.
      num_heads: attention heads of each block; divides `width`.
      positions: "learned", an embedding of each position; or "rotary".
      dtype: of the computation; parameters are float32.
    """

    vocab_size: int
    max_length: int
    width: int = 64
    num_layers: int = 2
    num_heads: int = 4
    positions: str = "learned"
    dtype: Any = jnp.float32

    def setup(self) -> None:
        """Makes the layers.

        Raises:
          ArgumentError: `positions` is neither of the two.
        """
        if self.positions not in POSITIONS:
            raise ArgumentError(f"positions must be one of {POSITIONS}, found {self.positions!r}.")
        self.token_embedding = nn.Embed(self.vocab_size, self.width, dtype=self.dtype, embedding_init=_SMALL)
        if self.positions == "learned":
            self.position_embedding = nn.Embed(self.max_length, self.width, dtype=self.dtype, embedding_init=_SMALL)
        rotary = self.positions == "rotary"
        self.blocks = [CachedBlock(self.width, self.num_heads, rotary, self.dtype) for _ in range(self.num_layers)]
        self.final_norm = layer_norm(self.dtype)

    def __call__(self, tokens: jax.Array) -> jax.Array:
        """int32 `[batch, length]` to logits `[batch, length, vocab_size]`; position i sees tokens 0..i."""
        return self.unembed(self.hidden(tokens))

    def hidden(self, tokens: jax.Array) -> jax.Array:
        """int32 `[batch, length]` to hidden states `[batch, length, width]`, of which `unembed` makes logits."""
        places = jnp.broadcast_to(jnp.arange(tokens.shape[1])[None], tokens.shape)
        return self._run(tokens, places, causal(places, tokens.shape[1]), [None] * self.num_layers)[0]

    def extend(
        self, cache: tuple[KeysAndValues, ...], tokens: jax.Array, positions: jax.Array
    ) -> tuple[jax.Array, tuple[KeysAndValues, ...]]:
        """Reads further tokens of rows whose earlier ones are in the cache.

        Args:
          cache: as `init_cache` or `extend` gives it.
          tokens: int32 `[batch, length]`.
          positions: int32 `[batch]`: where in its row the first of these tokens stands.

        Returns:
          The hidden states of these tokens, and the cache with them in it.
        """
        places = positions[:, None] + jnp.arange(tokens.shape[1])[None]
        return self._run(tokens, places, causal(places, num_slots(cache)), cache)

    def unembed(self, hidden: jax.Array) -> jax.Array:
        """Hidden states `[..., width]` to logits `[..., vocab_size]`."""
        return jnp.asarray(self.token_embedding.attend(hidden))

    def init_cache(self, batch_size: int, length: int) -> tuple[KeysAndValues, ...]:
        """Empty slots for `length` tokens of each row, one cache a layer."""
        head_width = self.width // self.num_heads
        layer = empty_slots(batch_size, length, self.num_heads, head_width, self.dtype)
        return (layer,) * self.num_layers

    def _run(
        self, tokens: jax.Array, places: jax.Array, visible: jax.Array, caches: Any
    ) -> tuple[jax.Array, tuple[KeysAndValues, ...]]:
        x = self.token_embedding(tokens)
        if self.positions == "learned":
            x = x + self.position_embedding(jnp.minimum(places, self.max_length - 1))  # padding may reach beyond
        written = []
        for block, cache in zip(self.blocks, caches, strict=True):
            x, slots = block(x, places, visible, cache)
            written.append(slots)
        return self.final_norm(x), tuple(written)
