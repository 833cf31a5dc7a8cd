"""GPT-2 in numpy and float64, one row at a time: what scores are compared with."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import jax
import numpy as np


def log_probabilities(params: Any, tokens: Sequence[int]) -> np.ndarray:
    """float64 `[tokens, vocabulary]`: of what comes behind each token, from the parameters of `CachedLanguageModel`
    with learned positions and two heads."""
    weights = jax.tree.map(lambda leaf: np.asarray(leaf, np.float64), params["params"])
    table = weights["token_embedding"]["embedding"]
    x = table[list(tokens)] + weights["position_embedding"]["embedding"][: len(tokens)]
    for layer in range(sum(name.startswith("blocks_") for name in weights)):
        block = weights[f"blocks_{layer}"]
        x = x + _attention(block["attention"], _normal(block["before_attention"], x))
        x = x + _feed_forward(block["feed_forward"], _normal(block["before_feed_forward"], x))
    logits = _normal(weights["final_norm"], x) @ table.T
    top = logits.max(axis=-1, keepdims=True)
    return logits - top - np.log(np.exp(logits - top).sum(axis=-1, keepdims=True))


def span_log_probability(params: Any, tokens: Sequence[int], start: int, end: int | None = None) -> float:
    """The sum over the tokens of a span."""
    end = len(tokens) if end is None else end
    found = log_probabilities(params, tokens[: end - 1])
    return math.fsum(found[place - 1, tokens[place]] for place in range(start, end))


def _dense(weights: Any, x: np.ndarray) -> np.ndarray:
    return x @ weights["kernel"] + weights["bias"]


def _normal(weights: Any, x: np.ndarray) -> np.ndarray:
    centred = x - x.mean(axis=-1, keepdims=True)
    scale = np.sqrt((centred**2).mean(axis=-1, keepdims=True) + 1e-5)
    return centred / scale * weights["scale"] + weights["bias"]


def _feed_forward(weights: Any, x: np.ndarray) -> np.ndarray:
    inner = _dense(weights["inner"], x)
    bent = inner * (1 + np.tanh(math.sqrt(2 / math.pi) * (inner + 0.044715 * inner**3))) / 2
    return _dense(weights["outer"], bent)


def _attention(weights: Any, x: np.ndarray, heads: int = 2) -> np.ndarray:
    projected = _dense(weights["queries_keys_values"], x).reshape(len(x), 3, heads, -1)
    read = []
    for head in range(heads):
        queries, keys, values = projected[:, 0, head], projected[:, 1, head], projected[:, 2, head]
        scores = queries @ keys.T / math.sqrt(keys.shape[-1])
        scores = np.where(np.tri(len(x), dtype=bool), scores, -np.inf)
        shares = np.exp(scores - scores.max(axis=-1, keepdims=True))
        read.append(shares / shares.sum(axis=-1, keepdims=True) @ values)
    return _dense(weights["output"], np.concatenate(read, axis=-1))
