"""An encoder–decoder transformer with a key–value cache, in Flax linen.

What the decoder reads of the inputs are keys and values, and they do not change while it writes. So the memory that
`encode` returns is these, for every layer of the decoder, and a decoding step does not compute them again.
"""

from __future__ import annotations

from typing import Any, NamedTuple, final

import flax.linen as nn
import jax
import jax.numpy as jnp

from evalkit.demo.attention import KeysAndValues, as_slots, attend, causal, empty_slots, num_slots
from evalkit.demo.cached_model import CachedBlock, FeedForward, SelfAttention, layer_norm
from evalkit.inference.methods import Methods

# For the adapters of `evalkit.inference`.
METHODS = Methods(outputs="hidden", unembed="unembed", encode="encode", extend="extend", init_cache="init_cache")


class Memory(NamedTuple):
    """The inputs as the decoder reads them: `layers`, one a decoder layer, and `lengths` int32 `[batch]`."""

    layers: tuple[KeysAndValues, ...]
    lengths: jax.Array


@final
class CrossAttention(nn.Module):
    """Each token of the decoder reads from the inputs."""

    width: int
    num_heads: int
    dtype: Any

    def setup(self) -> None:
        """Makes the layers."""
        self.queries = nn.Dense(self.width, dtype=self.dtype)
        self.keys_values = nn.Dense(2 * self.width, dtype=self.dtype)
        self.output = nn.Dense(self.width, dtype=self.dtype)

    def slots(self, encoded: jax.Array) -> KeysAndValues:
        """Encoded inputs `[batch, inputs, width]` as what can be attended to."""
        projected = self.keys_values(encoded)
        heads = projected.reshape(*encoded.shape[:2], 2 * self.num_heads, self.width // self.num_heads)
        return as_slots(*jnp.split(heads, 2, axis=2))

    def __call__(self, x: jax.Array, slots: KeysAndValues, visible: jax.Array) -> jax.Array:
        """`x` `[batch, length, width]`, `visible` bool `[batch, 1, inputs]`; what each token of `x` reads."""
        heads = self.queries(x).reshape(*x.shape[:2], self.num_heads, self.width // self.num_heads)
        return jnp.asarray(self.output(attend(heads, slots, visible).reshape(x.shape)))


@final
class DecoderBlock(nn.Module):
    """Attention to the own row, to the inputs, and a feed-forward layer, each normalised before and added."""

    width: int
    num_heads: int
    dtype: Any

    def setup(self) -> None:
        """Makes the layers."""
        self.before_attention = layer_norm(self.dtype)
        self.attention = SelfAttention(self.width, self.num_heads, rotary=False, dtype=self.dtype)
        self.before_cross_attention = layer_norm(self.dtype)
        self.cross_attention = CrossAttention(self.width, self.num_heads, self.dtype)
        self.before_feed_forward = layer_norm(self.dtype)
        self.feed_forward = FeedForward(self.width, self.dtype)

    def slots(self, encoded: jax.Array) -> KeysAndValues:
        """As `CrossAttention.slots`."""
        return self.cross_attention.slots(encoded)

    def __call__(
        self,
        x: jax.Array,
        places: jax.Array,
        visible: jax.Array,
        cache: KeysAndValues | None,
        inputs: KeysAndValues,
        visible_inputs: jax.Array,
    ) -> tuple[jax.Array, KeysAndValues]:
        """As `SelfAttention`; besides, each token reads from those of the `inputs` that it sees."""
        read, cache = self.attention(self.before_attention(x), places, visible, cache)
        x = x + read
        x = x + self.cross_attention(self.before_cross_attention(x), inputs, visible_inputs)
        return x + self.feed_forward(self.before_feed_forward(x)), cache


@final
class EncoderDecoder(nn.Module):
    """Next-token logits from inputs and the tokens so far, all at once or a few at a time.

    Attributes:
      vocab_size: how many ids there are, of inputs and of tokens.
      max_length: the longest row of either.
      width: the size of the hidden state.
      num_layers: how many blocks the encoder has, and the decoder.
      num_heads: attention heads of each block; divides `width`.
      dtype: of the computation; parameters are float32.
    """

    vocab_size: int
    max_length: int
    width: int = 64
    num_layers: int = 2
    num_heads: int = 4
    dtype: Any = jnp.float32

    def setup(self) -> None:
        """Makes the layers."""
        small = nn.initializers.normal(0.02)
        layers = range(self.num_layers)
        self.token_embedding = nn.Embed(self.vocab_size, self.width, dtype=self.dtype, embedding_init=small)
        self.position_embedding = nn.Embed(self.max_length, self.width, dtype=self.dtype, embedding_init=small)
        self.encoder_blocks = [CachedBlock(self.width, self.num_heads, False, self.dtype) for _ in layers]
        self.encoder_norm = layer_norm(self.dtype)
        self.decoder_blocks = [DecoderBlock(self.width, self.num_heads, self.dtype) for _ in layers]
        self.decoder_norm = layer_norm(self.dtype)

    def __call__(self, inputs: jax.Array, lengths: jax.Array, tokens: jax.Array) -> jax.Array:
        """Inputs int32 `[batch, inputs]` of `lengths` int32 `[batch]`, and tokens int32 `[batch, length]`, to logits
        `[batch, length, vocab_size]`.
        """
        return self.unembed(self.hidden(self.encode(inputs, lengths), tokens))

    def encode(self, inputs: jax.Array, lengths: jax.Array) -> Memory:
        """What the decoder reads of the inputs; what stands behind a row's length is not seen."""
        places = jnp.broadcast_to(jnp.arange(inputs.shape[1])[None], inputs.shape)
        x = self._embed(inputs, places)
        visible = jnp.broadcast_to(visible_inputs(lengths, inputs.shape[1]), (*inputs.shape, inputs.shape[1]))
        for block in self.encoder_blocks:
            x, _ = block(x, places, visible)
        encoded = self.encoder_norm(x)
        return Memory(tuple(block.slots(encoded) for block in self.decoder_blocks), lengths)

    def hidden(self, memory: Memory, tokens: jax.Array) -> jax.Array:
        """int32 `[batch, length]` to hidden states `[batch, length, width]`, of which `unembed` makes logits."""
        places = jnp.broadcast_to(jnp.arange(tokens.shape[1])[None], tokens.shape)
        return self._run(memory, [None] * self.num_layers, tokens, places, tokens.shape[1])[0]

    def extend(
        self, memory: Memory, cache: tuple[KeysAndValues, ...], tokens: jax.Array, positions: jax.Array
    ) -> tuple[jax.Array, tuple[KeysAndValues, ...]]:
        """As `CachedLanguageModel.extend`, with the inputs in `memory`."""
        places = positions[:, None] + jnp.arange(tokens.shape[1])[None]
        return self._run(memory, cache, tokens, places, num_slots(cache))

    def unembed(self, hidden: jax.Array) -> jax.Array:
        """Hidden states `[..., width]` to logits `[..., vocab_size]`."""
        return jnp.asarray(self.token_embedding.attend(hidden))

    def init_cache(self, batch_size: int, length: int) -> tuple[KeysAndValues, ...]:
        """Empty slots for `length` tokens of each row, one cache a layer."""
        head_width = self.width // self.num_heads
        return (empty_slots(batch_size, length, self.num_heads, head_width, self.dtype),) * self.num_layers

    def _embed(self, tokens: jax.Array, places: jax.Array) -> jax.Array:
        positions = jnp.minimum(places, self.max_length - 1)  # padding may reach beyond
        return jnp.asarray(self.token_embedding(tokens) + self.position_embedding(positions))

    def _run(
        self, memory: Memory, caches: Any, tokens: jax.Array, places: jax.Array, slots: int
    ) -> tuple[jax.Array, tuple[KeysAndValues, ...]]:
        x = self._embed(tokens, places)
        visible, of_inputs = causal(places, slots), visible_inputs(memory.lengths, num_slots(memory.layers))
        written = []
        for block, cache, inputs in zip(self.decoder_blocks, caches, memory.layers, strict=True):
            x, kept = block(x, places, visible, cache, inputs, of_inputs)
            written.append(kept)
        return self.decoder_norm(x), tuple(written)


def visible_inputs(lengths: jax.Array, num_inputs: int) -> jax.Array:
    """Which inputs are seen, bool `[batch, 1, inputs]`: those before a row's length; of an empty row, the first."""
    return jnp.arange(num_inputs)[None, None] < jnp.maximum(lengths, 1)[:, None, None]
