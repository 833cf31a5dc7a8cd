"""Whole documents to be scored, the bare forward on the same padded batches, and matrix products to compare with."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax
import numpy as np

from evalkit.inference.batching_plan import plan_batches
from evalkit.inference.ladder import Ladder
from evalkit.inference.methods import Methods
from evalkit.inference.spans import Rows
from tests.benchmarks import language
from tests.benchmarks.language import engine

SIDE = 2048  # of the matrices
PRODUCTS = 20


def prepared(documents: list[list[int]]) -> tuple[list[Callable[[], Any]], float]:
    """What takes turns (scoring, the bare forward, matrix products), and how much of the arithmetic of the products the
    model needs for the real tokens.
    """
    scorer = engine.engine(Methods(outputs="hidden", unembed="unembed"))
    params, rows = jax.device_put(engine.params()), Rows.of(documents, np.ones(len(documents)))
    fed = rows.fed_lengths
    batches = []
    for batch in plan_batches(fed, Ladder.up_to(language.LENGTH)).batches:
        tokens = np.zeros((len(batch.indices), batch.length), np.int32)
        for place, row in enumerate(batch.indices.tolist()):
            if row >= 0:
                tokens[place, : fed[row]] = rows.tokens.row(row)[:-1]
        batches.append(tokens)
    computed = scorer.score(params, rows).work.computed_tokens
    if computed != sum(tokens.size for tokens in batches):
        raise RuntimeError(f"Scoring computes {computed} tokens, and the batches have other shapes.")
    forward = jax.jit(lambda params, tokens: engine.module().apply({"params": params}, tokens))
    reduced = jax.jit(lambda params, tokens: engine.module().apply({"params": params}, tokens).max(axis=-1))
    matrix = jax.random.normal(jax.random.key(0), (SIDE, SIDE))
    product = jax.jit(lambda matrix: matrix @ matrix)
    weights = 12 * language.LAYERS * language.WIDTH**2 + language.VOCABULARY * language.WIDTH
    attention = 2 * language.LAYERS * language.WIDTH * (fed.astype(float) ** 2).sum()  # half of each square is seen
    return [
        lambda: scorer.score(params, rows),
        lambda: [forward(params, tokens).block_until_ready() for tokens in batches],
        lambda: [reduced(params, tokens).block_until_ready() for tokens in batches],
        lambda: [product(matrix).block_until_ready() for _ in range(PRODUCTS)],
    ], float(2 * weights * fed.sum() + attention) / (2 * SIDE**3 * PRODUCTS)
