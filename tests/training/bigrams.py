"""A language model that is one table, checkpoints of it, and a task of letters that it gets right to some degree.

The next token depends on the last one only. At step s of 100 the table knows the successors of s in a hundred letters.
"""

from __future__ import annotations

import functools
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import orbax.checkpoint as ocp

from evalkit import Feature, InMemoryDataSource, PassThroughVocabulary, PrefixLMFeatureConverter, Task, TaskRegistry
from evalkit.inference.engine import Engine
from evalkit.inference.model import Model
from evalkit.inference.sampling import SamplingParams
from evalkit.metrics import exact_match, mean_log_likelihood
from evalkit.training import CheckpointModel

SIZE = 103  # 0 pads, 1 ends, 2 is no letter
FIRST = 3
TEMPLATE = {"table": jax.ShapeDtypeStruct((SIZE, SIZE), jnp.float32)}


def table(step: int) -> dict[str, np.ndarray]:
    """Parameters: the first `step` letters are followed by the next letter, the others by token 2."""
    scores = np.zeros((SIZE, SIZE), np.float32)
    for letter in range(FIRST, SIZE):
        scores[letter, FIRST + (letter - FIRST + 1) % (SIZE - FIRST) if letter - FIRST < step else 2] = 5 + letter / 100
    return {"table": scores}


def read_table(params: Any, tokens: Any) -> Any:
    return params["table"][tokens]


@functools.cache
def engine() -> Engine:
    return Engine(Model(read_table, vocab_size=SIZE, max_length=16), token_budget=512)


def model(**settings: Any) -> CheckpointModel:
    settings = {"sampling": SamplingParams(2), **settings}
    return CheckpointModel(engine(), TEMPLATE, PrefixLMFeatureConverter(pack=False), **settings)


def rows(count: int) -> list[dict[str, list[int]]]:
    """A letter, and the two letters after it."""
    letters = np.random.default_rng(0).integers(0, SIZE - FIRST, count)
    after = [[FIRST + int(letter + more) % (SIZE - FIRST) for more in range(3)] for letter in letters]
    return [{"inputs": letters[:1], "targets": letters[1:]} for letters in after]


def as_numbers(targets: str, **_: Any) -> str:
    return " ".join(map(str, targets))


def letters_parts(count: int = 60, metric_fns: Sequence[Any] = (exact_match, mean_log_likelihood)) -> dict[str, Any]:
    feature = Feature(PassThroughVocabulary(SIZE), add_eos=False, dtype=jnp.int32)
    examples = [{key: np.array(row, np.int32) for key, row in each.items()} for each in rows(count)]
    return {
        "source": InMemoryDataSource({"validation": examples}),
        "preprocessors": [],
        "output_features": {"inputs": feature, "targets": feature},
        "postprocess_fn": as_numbers,
        "metric_fns": list(metric_fns),
    }


def letters_task(name: str = "letters", **settings: Any) -> Task:
    return Task(name, **letters_parts(**settings))


def register() -> None:
    TaskRegistry.add("letters", **letters_parts(), override=True)


def save(folder: Path, *steps: int, max_to_keep: int | None = None) -> Path:
    """Writes checkpoints as a trainer does."""
    options = ocp.CheckpointManagerOptions(max_to_keep=max_to_keep)
    with ocp.CheckpointManager(folder, options=options) as manager:
        for step in steps:
            manager.save(step, args=ocp.args.StandardSave({"params": table(step), "step": np.int32(step)}))
    return folder
