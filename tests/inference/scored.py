"""Rows to score, and what the tests of scoring run in processes of their own."""

from __future__ import annotations

import functools
from typing import Any

import jax
import numpy as np
from jax.sharding import Mesh

from evalkit.inference.engine import Engine
from evalkit.inference.spans import Rows
from tests.inference.models import VOCAB_SIZE, random_rows, small_model


def mixed_rows(count: int, *, with_inputs: bool = False, seed: int = 0) -> Rows:
    """Rows of every kind: choices behind a question behind few-shot examples, of one token and of several; equal ones;
    without context; and some that have nothing in common with any."""
    generator = np.random.default_rng(seed)

    def ids(shortest: int, longest: int) -> list[int]:
        return generator.integers(3, VOCAB_SIZE, generator.integers(shortest, longest, endpoint=True)).tolist()

    few_shot = ids(33, 33)
    tokens, starts = [], []
    while len(tokens) < count:
        question = [few_shot, [1], ids(5, 20)][len(tokens) // 4 % 3] + ids(4, 10)
        choices = [ids(1, 1), ids(1, 1), ids(3, 6), ids(1, 6)]
        tokens += [question + choice for choice in choices]
        starts += [len(question)] * 4
        tokens += [[1, *ids(1, 30)], tokens[-1]]
        starts += [1, starts[-1]]
    inputs = random_rows(count // 2 + 1, 20, seed) if with_inputs else None
    return Rows.of(
        tokens[:count], starts[:count], inputs=[inputs[row // 2] for row in range(count)] if inputs else None
    )


def meshed_engine(devices: Any, kind: str = "learned") -> tuple[Engine, Any]:
    """An engine on a mesh of `devices`, and parameters."""
    model, params = small_model(kind)
    return Engine(model, mesh=Mesh(np.array(devices), ("data",)), token_budget=256), params


def on_several_devices(runs: list[tuple[str, int]]) -> list[list[float]]:
    """The scores of 41 rows by models of some kinds on so many devices."""
    found = []
    for kind, count in runs:
        engine, params = meshed_engine(jax.devices()[:count], kind)
        rows = mixed_rows(41, with_inputs=engine.model.has_encoder)
        found.append(engine.score(params, rows).sums.tolist())
    return found


def as_one_of_several(counts: list[int]) -> dict[str, Any]:
    """The scores of so many rows, token by token, computed by all processes together."""
    engine, params = meshed_engine(jax.devices())
    found = {}
    for count in counts:
        scores = engine.score(params, mixed_rows(count))
        found[str(count)] = [scores.log_probs.values.tolist(), scores.best_ids.values.tolist(), scores.counts.tolist()]
    return found


def row_that_fails(which: str, _: Any) -> None:
    """Rows that cannot be scored: on every process, or on one, or others than the rest has."""
    engine, params = meshed_engine(jax.devices())
    tokens = [[1, 2, 3], [4, 5], [6, 7, 8]]
    if which == "every":
        tokens[1][1] = VOCAB_SIZE
    elif which == "one" and jax.process_index() == 1:
        tokens[2][0] = -3
    elif which == "other" and jax.process_index() == 1:
        tokens[2][0] = 9
    elif which == "nan":
        params = jax.tree.map(lambda leaf: leaf * np.nan, params)
    engine.score(params, Rows.of(tokens, starts=[1, 1, 1]))


every_row, one_row, other_row, nan_row = (
    functools.partial(row_that_fails, which) for which in ("every", "one", "other", "nan")
)


def examples_that_fail(_: Any) -> None:
    """A data set that one process cannot read."""
    engine, params = meshed_engine(jax.devices())
    features = {"decoder_target_tokens": np.array([3, 4]), "decoder_input_tokens": np.array([0, 3])}
    if jax.process_index() == 0:
        features["decoder_loss_weights"] = np.array([1, 1])
    engine.score_fn(params)([(0, features)])
