"""The demo's decoder-only model once more, in numpy and float64, one row at a time: what the others are held against.

Written from the papers and not from the model: GPT-2 (Radford et al., 2019; the equations as Hugging Face's `gpt2` has
them), and rotary positions (Su et al., 2021).
"""

from __future__ import annotations

from typing import Any

import numpy as np


def reference_logits(params: Any, tokens: list[int], *, num_heads: int, rotary: bool) -> np.ndarray:
    """float64 `[length, vocab]`: the logits at each token of one row."""
    weights = params["params"]
    table = _float64(weights["token_embedding"]["embedding"])
    x = table[tokens]
    if not rotary:
        x = x + _float64(weights["position_embedding"]["embedding"])[: len(tokens)]
    for layer in range(sum(name.startswith("blocks_") for name in weights)):
        block = weights[f"blocks_{layer}"]
        x = x + _attention(block["attention"], _normed(block["before_attention"], x), num_heads, rotary)
        inner = _dense(block["feed_forward"]["inner"], _normed(block["before_feed_forward"], x))
        gelu = 0.5 * inner * (1 + np.tanh(np.sqrt(2 / np.pi) * (inner + 0.044715 * inner**3)))
        x = x + _dense(block["feed_forward"]["outer"], gelu)
    return _normed(weights["final_norm"], x) @ table.T


def reference_log_probabilities(logits: np.ndarray) -> np.ndarray:
    """float64, of the shape of `logits`: what each id has after each token, in nats."""
    shifted = logits - logits.max(axis=-1, keepdims=True)
    return shifted - np.log(np.exp(shifted).sum(axis=-1, keepdims=True))


def _attention(weights: Any, x: np.ndarray, num_heads: int, rotary: bool) -> np.ndarray:
    queries, keys, values = np.split(_dense(weights["queries_keys_values"], x), 3, axis=1)
    width = x.shape[1] // num_heads
    read = np.zeros_like(x)
    for head in range(num_heads):
        part = slice(head * width, (head + 1) * width)
        q, k = (_turned(side[:, part]) if rotary else side[:, part] for side in (queries, keys))
        for token in range(len(x)):
            scores = q[token] @ k[: token + 1].T / np.sqrt(width)
            likelihood = np.exp(scores - scores.max())
            read[token, part] = likelihood / likelihood.sum() @ values[: token + 1, part]
    return _dense(weights["output"], read)


def _turned(x: np.ndarray) -> np.ndarray:
    """Number i and number i + width / 2 as a complex number, turned by position times 10000 ** (-2 i / width)."""
    half = x.shape[1] // 2
    angles = np.outer(np.arange(len(x)), 10_000.0 ** (-2 * np.arange(half) / x.shape[1]))
    turned = (x[:, :half] + 1j * x[:, half:]) * np.exp(1j * angles)
    return np.concatenate([turned.real, turned.imag], axis=1)


def _normed(weights: Any, x: np.ndarray) -> np.ndarray:
    centred = x - x.mean(axis=1, keepdims=True)
    spread = np.sqrt((centred**2).mean(axis=1, keepdims=True) + 1e-5)
    return centred / spread * _float64(weights["scale"]) + _float64(weights["bias"])


def _dense(weights: Any, x: np.ndarray) -> np.ndarray:
    return x @ _float64(weights["kernel"]) + _float64(weights["bias"])


def _float64(array: Any) -> np.ndarray:
    return np.asarray(array, np.float64)
