"""Small models for tests, with parameters that make them sure of what they say."""

from __future__ import annotations

import functools
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from flax import nnx

from evalkit.demo import cached_model, encoder_decoder
from evalkit.demo.nnx_model import NnxLanguageModel
from evalkit.inference.linen_model import linen_model
from evalkit.inference.methods import Methods
from evalkit.inference.model import Model
from evalkit.inference.nnx_model import nnx_model

VOCAB_SIZE = 37
MAX_LENGTH = 64
KINDS = ("learned", "rotary", "nnx", "encoder_decoder")
_LIMITS: dict[str, Any] = {"vocab_size": VOCAB_SIZE, "max_length": MAX_LENGTH, "bos_id": 1, "eos_ids": (2,)}
_SIZES: dict[str, Any] = {"width": 16, "num_layers": 2, "num_heads": 2}


class Modelled(NamedTuple):
    """A model and parameters of it."""

    model: Model
    params: Any


@functools.cache
def small_model(kind: str, *, cached: bool = True, seed: int = 0) -> Modelled:
    """One of `KINDS`, 37 ids, rows of up to 64 tokens; without `cached` it is described by its logits alone.

    The parameters are so large that the likeliest token is seldom in doubt, and rows differ in what they say.
    """
    if kind == "nnx":
        module = NnxLanguageModel(VOCAB_SIZE, rngs=nnx.Rngs(seed), **_SIZES)
        methods = cached_model.METHODS if cached else Methods()
        return Modelled(*nnx_model(module, methods=methods, **_LIMITS))
    tokens = jnp.zeros((1, MAX_LENGTH), jnp.int32)
    if kind == "encoder_decoder":
        module = encoder_decoder.EncoderDecoder(VOCAB_SIZE, MAX_LENGTH, **_SIZES)
        arguments = (tokens, jnp.ones(1, jnp.int32), tokens)
        methods = (
            encoder_decoder.METHODS
            if cached
            else Methods(
                outputs=lambda module, memory, tokens: module.unembed(module.hidden(memory, tokens)), encode="encode"
            )
        )
    else:
        module = cached_model.CachedLanguageModel(VOCAB_SIZE, MAX_LENGTH, positions=kind, **_SIZES)
        arguments = (tokens,)
        methods = cached_model.METHODS if cached else Methods()
    params = jax.jit(module.init)(jax.random.key(seed), *arguments)
    sharper = jax.tree.map(lambda leaf: leaf * 8 if leaf.ndim > 1 else leaf, params)
    return Modelled(linen_model(module, methods=methods, **_LIMITS), sharper)


def random_rows(count: int, longest: int, seed: int = 0, shortest: int = 1) -> list[list[int]]:
    """Rows of `shortest` to `longest` ids."""
    generator = np.random.default_rng(seed)
    lengths = generator.integers(shortest, longest + 1, count)
    return [generator.integers(0, VOCAB_SIZE, length).tolist() for length in lengths]


def padded(rows: list[list[int]], length: int, pad_id: int = 0) -> np.ndarray:
    """The rows as int32 `[rows, length]`."""
    result = np.full((len(rows), length), pad_id, np.int32)
    for index, row in enumerate(rows):
        result[index, : len(row)] = row
    return result
