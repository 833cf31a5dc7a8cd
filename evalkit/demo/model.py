"""The smallest language model worth the name: a causal transformer of two layers, in Flax linen."""

from __future__ import annotations

from typing import Any, final

import flax.linen as nn
import jax
import jax.numpy as jnp

Params = Any  # a pytree of arrays, as `LanguageModel.init` gives it


@final
class Block(nn.Module):
    """Attention and a feed-forward layer, each normalised before and added to what came in."""

    num_heads: int

    @nn.compact
    def __call__(self, x: jax.Array, mask: jax.Array) -> jax.Array:
        """Float `[batch, length, width]` to the same."""
        width = x.shape[-1]
        normed = nn.LayerNorm()(x)
        x = x + nn.MultiHeadDotProductAttention(self.num_heads)(normed, normed, mask=mask)
        normed = nn.LayerNorm()(x)
        return x + nn.Dense(width)(nn.gelu(nn.Dense(4 * width)(normed)))


@final
class LanguageModel(nn.Module):
    """Next-token logits from the tokens so far.

    Attributes:
      vocab_size: how many ids there are.
      max_length: the longest sequence, since each position has an embedding.
      width: the size of the hidden state.
      num_layers: how many blocks.
      num_heads: attention heads of each block; divides `width`.
    """

    vocab_size: int
    max_length: int
    width: int = 64
    num_layers: int = 2
    num_heads: int = 4

    @nn.compact
    def __call__(self, tokens: jax.Array) -> jax.Array:
        """int32 `[batch, length]` to float32 logits `[batch, length, vocab_size]`; position i sees tokens 0..i."""
        positions = self.param("positions", nn.initializers.normal(0.02), (self.max_length, self.width))
        x = nn.Embed(self.vocab_size, self.width)(tokens) + positions[None, : tokens.shape[1]]
        mask = nn.make_causal_mask(tokens)
        for _ in range(self.num_layers):
            x = Block(self.num_heads)(x, mask)
        return nn.Dense(self.vocab_size)(nn.LayerNorm()(x))


def logits(model: LanguageModel, params: Params, tokens: jax.Array) -> jax.Array:
    """`model.apply`, with the types that it has for this model."""
    return jnp.asarray(model.apply(params, tokens))
