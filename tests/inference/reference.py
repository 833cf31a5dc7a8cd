"""The demo's decoder-only model once more, in numpy and float64, one row at a time: what the others are held against.

Written from the papers and not from the model: GPT-2 (Radford et al., 2019; the equations as Hugging Face's `gpt2` has
them), and rotary positions (Su et al., 2021).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import jax
import numpy as np


def reference_logits(params: Any, tokens: Sequence[int], *, num_heads: int, rotary: bool) -> np.ndarray:
    """float64 `[length, vocab]`: the logits at each token of one row."""
    weights = jax.tree.map(lambda leaf: np.asarray(leaf, np.float64), params["params"])
    table = weights["token_embedding"]["embedding"]
    x = table[list(tokens)]
    if not rotary:
        x = x + weights["position_embedding"]["embedding"][: len(tokens)]
    for layer in range(sum(name.startswith("blocks_") for name in weights)):
        block = weights[f"blocks_{layer}"]
        x = x + _attention(block["attention"], _normed(block["before_attention"], x), num_heads, rotary)
        x = x + _feed_forward(block["feed_forward"], _normed(block["before_feed_forward"], x))
    return _normed(weights["final_norm"], x) @ table.T


def log_probabilities(params: Any, tokens: Sequence[int]) -> np.ndarray:
    """float64 `[tokens, vocabulary]`: of what comes behind each token, for learned positions and two heads."""
    logits = reference_logits(params, tokens, num_heads=2, rotary=False)
    shifted = logits - logits.max(axis=-1, keepdims=True)
    return shifted - np.log(np.exp(shifted).sum(axis=-1, keepdims=True))


def span_log_probability(params: Any, tokens: Sequence[int], start: int, end: int | None = None) -> float:
    """The sum over the tokens of a span, likewise."""
    end = len(tokens) if end is None else end
    found = log_probabilities(params, tokens[: end - 1])
    return math.fsum(found[place - 1, tokens[place]] for place in range(start, end))


def _attention(weights: Any, x: np.ndarray, num_heads: int, rotary: bool) -> np.ndarray:
    projected = _dense(weights["queries_keys_values"], x).reshape(len(x), 3, num_heads, -1)
    read = []
    for head in range(num_heads):
        queries, keys, values = (projected[:, part, head] for part in range(3))
        if rotary:
            queries, keys = _turned(queries), _turned(keys)
        scores = queries @ keys.T / math.sqrt(keys.shape[-1])
        scores = np.where(np.tri(len(x), dtype=bool), scores, -np.inf)
        shares = np.exp(scores - scores.max(axis=-1, keepdims=True))
        read.append(shares / shares.sum(axis=-1, keepdims=True) @ values)
    return _dense(weights["output"], np.concatenate(read, axis=-1))


def _turned(x: np.ndarray) -> np.ndarray:
    """Number i and number i + width / 2 as a complex number, turned by position times 10000 ** (-2 i / width)."""
    half = x.shape[1] // 2
    angles = np.outer(np.arange(len(x)), 10_000.0 ** (-2 * np.arange(half) / x.shape[1]))
    turned = (x[:, :half] + 1j * x[:, half:]) * np.exp(1j * angles)
    return np.concatenate([turned.real, turned.imag], axis=1)


def _feed_forward(weights: Any, x: np.ndarray) -> np.ndarray:
    inner = _dense(weights["inner"], x)
    bent = inner * (1 + np.tanh(math.sqrt(2 / math.pi) * (inner + 0.044715 * inner**3))) / 2
    return _dense(weights["outer"], bent)


def _normed(weights: Any, x: np.ndarray) -> np.ndarray:
    centred = x - x.mean(axis=-1, keepdims=True)
    spread = np.sqrt((centred**2).mean(axis=-1, keepdims=True) + 1e-5)
    return centred / spread * weights["scale"] + weights["bias"]


def _dense(weights: Any, x: np.ndarray) -> np.ndarray:
    return x @ weights["kernel"] + weights["bias"]
