"""Random few-shot, truncated and derived tasks; JSON."""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Any

Case = dict[str, Any]


def cases(count: int) -> list[Case]:
    """`count` cases, always the same ones: every kind in turn."""
    kinds = list(KINDS)
    return [case(random.Random(number), kinds[number % len(kinds)]) for number in range(count)]


def case(rng: random.Random, kind: str) -> Case:
    """`rows` numbers in each split, a task of them, and how its examples are read."""
    shards = rng.choice((1, 1, 2, 3))
    reading = {"split": rng.choice(("train", "test")), "shuffle": rng.random() < 0.5, "seed": rng.randint(0, 99)}
    return {
        "kind": kind,
        "rows": {"train": rng.randint(6, 15), "test": rng.randint(1, 9)},
        "reading": reading,
        "shard": [rng.randrange(shards), shards],
        **KINDS[kind](rng),
    }


def fewshot(rng: random.Random) -> Case:
    source = {
        "num_shots": rng.randint(0, 5),
        "shuffle_buffer_size": rng.choice((1, 3, 1000)),
        "eval_on_fixed_exemplars": rng.random() < 0.4,
    }
    prompt = {
        "inputs_prefix": rng.choice(("", "Q: ")),
        "targets_prefix": rng.choice(("", "\nA: ", " = ")),
        "example_separator": rng.choice(("\n\n", "; ")),
        "prompt": rng.choice(("", "Answer.")),
        "reverse": rng.random() < 0.4,
    }
    return {"source": source, "prompt": prompt}


def truncated(rng: random.Random) -> Case:
    """Unshuffled and whole: seqio shuffles without the seed, and takes so many of each shard."""
    reading = {"split": rng.choice(("train", "test")), "shuffle": False, "seed": 1}
    return {"reading": reading, "shard": [0, 1], "sizes": {rng.choice(("train", "test")): rng.randint(1, 20)}}


def fully_cached(rng: random.Random) -> Case:
    names = ["inputs", "targets"]
    rng.shuffle(names)
    return {"lengths": {name: rng.randint(1, 9) for name in names}, "shard": [0, 1]}


def sentinels(rng: random.Random) -> Case:
    """Targets are never cut: where they are, seqio loses what is in their middle."""
    name = rng.choice(("task", "task_dev", "task.v1_test", "task_train_eval"))
    ending = rng.choice((None, "append_eos", "append_eos_after_trim"))
    lengths = rng.choice((None, {"inputs": rng.randint(6, 12), "targets": 20}))
    return {"name": name, "number": rng.randint(1, 4), "ending": ending, "lengths": lengths}


def new_vocabulary(rng: random.Random) -> Case:
    return {"rates": [rng.randint(1, 9) for _ in range(4)], "registered": rng.random() < 0.5}


def missing_splits(rng: random.Random) -> Case:
    return {"rates": [rng.randint(1, 9) for _ in range(3)]}


KINDS: dict[str, Callable[[random.Random], Case]] = {
    "fewshot": fewshot,
    "truncated": truncated,
    "fewshot, again": fewshot,
    "fully_cached": fully_cached,
    "sentinels": sentinels,
    "new_vocabulary": new_vocabulary,
    "missing_splits": missing_splits,
}
