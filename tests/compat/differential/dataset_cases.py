"""Random tasks and mixtures, and the arguments with which their datasets are opened; JSON.

What lies in files, such as text lines and the folders of offline caches, `dataset_files` writes.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Any

from tests.compat.differential.preprocessor_cases import OWN_STEPS, Case, text

TAKEN = 60
RANDOM_STEPS = ("noise", "shuffle_words")
SPLITS = ("train", "validation")


def cases(count: int) -> list[Case]:
    """`count` cases, always the same ones: every kind in turn."""
    kinds = list(KINDS)
    return [case(random.Random(number), kinds[number % len(kinds)], f"case_{number}") for number in range(count)]


def case(rng: random.Random, kind: str, name: str) -> Case:
    return {"kind": kind, "name": name, "mixtures": [], "taken": TAKEN, **KINDS[kind](rng, name)}


def source(rng: random.Random) -> Case:
    """Of rows with a question and an answer; files hold the rows in turn."""
    count = rng.choice((3, 17, 40))
    rows = [{"question": text(rng), "answer": text(rng)} for _ in range(count)]
    return {
        "kind": rng.choice(("function", "lines", "tf examples")),
        "rows": rows,
        "files": rng.choice((1, 2, 3)),
        "declares_its_length": rng.random() < 0.5,
        "file_shuffle_buffer_size": rng.choice((None, 1, 2)),
        "cycle_length": rng.choice((1, 2, 16)),
        "block_length": rng.choice((1, 4, 16)),
    }


def steps(rng: random.Random, *, cached: bool, seeded: bool) -> list[list[Any]]:
    """Rekeying, tokenising, EOS, and steps of the author's own between them."""

    def own() -> list[list[Any]]:
        possible = [step for step in OWN_STEPS if seeded or step[0] not in RANDOM_STEPS]
        return [rng.choice(possible) for _ in range(rng.choice((0, 0, 1, 2)))]

    before = [
        ["rekey", {"key_map": {"inputs": "question", "targets": "answer", "note": rng.choice(("answer", None))}}],
        ["tokenize", {"copy_pretokenized": rng.random() < 0.6}],
        *(step for step in own() if step[0] != "shuffle_words"),  # wants lengths, which a cache does not know
    ]
    after = [*own(), rng.choice((["append_eos", {}], ["append_eos_after_trim", {}])), *own()]
    return [*before, *([["cache", {"required": False}]] if cached else []), *after]


def task(rng: random.Random, name: str, *, seeded: bool, cached: bool | None = None) -> Case:
    return {
        "name": name,
        "source": source(rng),
        "split": SPLITS[0],
        "steps": steps(rng, cached=rng.random() < 0.5 if cached is None else cached, seeded=seeded),
        "features": {
            feature: {"vocabulary": "byte", "add_eos": rng.random() < 0.7, "required": True}
            for feature in ("inputs", "targets")
        },
        "shuffle_buffer_size": rng.choice((2, 10, 1000)),
    }


def opening(rng: random.Random, *, seeded: bool) -> Case:
    """The arguments of `get_dataset` that tasks and mixtures share."""
    drawn = {
        "sequence_length": rng.choice(
            (None, {"inputs": 8, "targets": 5}, {"targets": 6}, {"inputs": None, "targets": 4})
        ),
        "shuffle": seeded and rng.random() < 0.7,
        "seed": rng.randint(0, 2**31 - 1) if seeded else None,
        "num_epochs": rng.choice((1, 2, 3)),
    }
    if rng.random() < 0.3:
        drawn["trim_output_features"] = rng.random() < 0.5
    if rng.random() < 0.5:
        drawn["try_in_mem_cache"] = rng.random() < 0.5
    return drawn


def single_task(rng: random.Random, name: str) -> Case:
    seeded = rng.random() < 0.8
    made, arguments = task(rng, name, seeded=seeded), opening(rng, seeded=seeded)
    if arguments["shuffle"] and rng.random() < 0.3:
        arguments["shuffle_buffer_size"] = rng.choice((1, 5))
    if rng.random() < 0.2:
        arguments["num_epochs"] = None
    return {"tasks": [made], "open": name, "arguments": arguments}


def sharded_task(rng: random.Random, name: str) -> Case:
    made = single_task(rng, name)
    shards = rng.choice((1, 2, 3, 5))
    return made | {"shard": [rng.randrange(shards), shards]}


def cached_task(rng: random.Random, name: str) -> Case:
    """Read from its offline cache, as seqio writes one; at times a shard of it."""
    made, arguments = task(rng, name, seeded=True, cached=True), opening(rng, seeded=True)
    shard = rng.choice((None, [0, 2], [1, 2], [2, 7]))
    return {"tasks": [made], "open": name, "arguments": arguments | {"use_cached": True}, "shard": shard}


def rate(rng: random.Random) -> Any:
    """A number, or the name of a function of the task."""
    return rng.choice((1, 2.5, rng.random() + 0.01, 40, "letters", "examples"))


def number(rng: random.Random) -> float:
    return rng.choice((1, 3, 0.25, rng.random() + 0.01))


def mixture(rng: random.Random, name: str) -> Case:
    seeded = rng.random() < 0.8
    tasks = [task(rng, f"{name}_{part}", seeded=seeded) for part in range(rng.choice((1, 2, 3)))]
    for each in tasks:
        each["split"] = rng.choice((SPLITS[0], SPLITS[0], SPLITS[0], SPLITS[1]))
        each["features"] = tasks[0]["features"]
        each["source"]["declares_its_length"] = True
    tasks[0]["split"] = SPLITS[0]
    copy = rng.random() < 0.5
    for _, arguments in (step for each in tasks for step in each["steps"] if step[0] == "tokenize"):
        arguments["copy_pretokenized"] = copy  # or TensorFlow finds nothing to mix
    entries = [[each["name"], rate(rng)] for each in tasks]
    default = number(rng)
    for entry in entries:
        if rng.random() < 0.3:
            entry[1] = None
    arguments = opening(rng, seeded=seeded) | {"num_epochs": rng.choice((None, 1, 2))}
    arguments |= rng.choice(({}, {"copy_pretokenized": True}, {"passthrough_features": ["note"]}))
    made = {
        "name": name,
        "entries": entries,
        "default_rate": default,
        "sample": rng.choice(("default", "default", "all")),
    }
    if arguments["num_epochs"] is None and made["sample"] == "all":
        arguments["num_epochs"] = 2
    return {"tasks": tasks, "mixtures": [made], "open": name, "arguments": arguments}


def nested_mixture(rng: random.Random, name: str) -> Case:
    """Mixtures of mixtures; a task may be reached in several ways."""
    made = mixture(rng, name)
    [inner] = made["mixtures"]
    names = [each["name"] for each in made["tasks"]]
    inner["name"] = f"{name}_inner"
    middle = inner | {
        "name": f"{name}_middle",
        "entries": [[inner["name"], number(rng)], [rng.choice(names), rate(rng)]],
    }
    outer = inner | {"name": name, "entries": [[inner["name"], number(rng)], [middle["name"], number(rng)]]}
    if rng.random() < 0.5:
        outer["entries"].append([rng.choice(names), number(rng)])
    return {**made, "mixtures": [inner, middle, outer]}


def sharded_mixture(rng: random.Random, name: str) -> Case:
    shards = rng.choice((2, 3))
    return mixture(rng, name) | {"shard": [rng.randrange(shards), shards]}


def model_features(rng: random.Random, name: str) -> Case:
    """Through a converter, in batches at times; no row is empty, which seqio does not pack."""
    made = rng.choice((mixture, single_task))(rng, name)
    for row in (row for each in made["tasks"] for row in each["source"]["rows"]):
        row |= {field: value.strip() or "empty" for field, value in row.items()}
    arguments = {key: made["arguments"][key] for key in ("shuffle", "seed", "num_epochs")}
    kind = rng.choice(("EncDecFeatureConverter", "PrefixLMFeatureConverter", "DecoderFeatureConverter"))
    return {
        **made,
        "arguments": arguments | {"batch_size": rng.choice((None, 2, 3))},
        "converter": [kind, {"pack": rng.random() < 0.5}],
        "lengths": {"inputs": rng.randint(4, 20), "targets": rng.randint(4, 20)},
    }


KINDS: dict[str, Callable[[random.Random, str], Case]] = {
    make.__name__: make
    for make in (
        single_task,
        sharded_task,
        mixture,
        cached_task,
        nested_mixture,
        sharded_mixture,
        model_features,
    )
}
