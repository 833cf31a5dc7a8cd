"""Random tests of tasks, and random expectations of datasets, as JSON for both libraries."""

from __future__ import annotations

import random
from typing import Any

from tests.compat.differential.material import WORDS

DTYPES = ("int32", "int64", "float32", "string", "bool")
WRONG = ("value", "number of examples", "lacking feature", "more features", "length", "dtype", "far apart")
RIGHT = ("as it is", "float for integer", "one for each element", "near", "dtype asked for")


def task_cases(count: int, seed: int = 1) -> list[dict[str, Any]]:
    """A task, one raw example, lengths, a seed, and outputs to judge."""
    return [_task_case(random.Random(seed * 100_003 + number), number) for number in range(count)]


def dataset_cases(count: int, seed: int = 2) -> list[dict[str, Any]]:
    """Columns of a dataset, and what a test expects of them: right in one way, or wrong in one."""
    return [_dataset_case(random.Random(seed * 100_003 + number)) for number in range(count)]


def _task_case(rng: random.Random, number: int) -> dict[str, Any]:
    feature = {"vocabulary": rng.choice(("byte", "sentencepiece")), "add_eos": rng.random() < 0.7}
    right = _text(rng)
    return {
        "kind": "task",
        "name": f"task_{number}",
        "features": {"inputs": feature, "targets": feature},
        "steps": [["tokenize", {}], *([["noise", {}]] if rng.random() < 0.5 else []), ["append_eos", {}]],
        "raw": {"inputs": _text(rng), "targets": right},
        "splits": rng.choice((["validation"], ["validation", "train"])),
        "seed": rng.randrange(1000),
        "lengths": rng.choice((None, {"inputs": rng.randint(1, 9), "targets": rng.randint(1, 9)})),
        "judged_lengths": rng.choice((None, {"inputs": rng.randint(30, 60), "targets": rng.randint(30, 60)})),
        "predictions": [rng.choice((right, _text(rng)))],
        "scores": [rng.gauss(-3, 2)],
    }


def _dataset_case(rng: random.Random) -> dict[str, Any]:
    rows = rng.randint(1, 3)
    columns = {f"feature_{index}": _column(rng, rows) for index in range(rng.randint(1, 3))}
    return {
        "kind": "dataset",
        "columns": columns,
        "change": rng.choice(RIGHT + WRONG),
        "feature": rng.choice(list(columns)),
        "row": rng.randrange(rows),
        "rtol": rng.choice((None, 0.25)),
    }


def _column(rng: random.Random, rows: int) -> dict[str, Any]:
    dtype, rank = rng.choice(DTYPES), rng.randint(0, 2)
    width = rng.randint(1, 3)
    shapes = [[rng.randint(1, 3), width][:rank] if rank < 2 else [rng.randint(1, 3), width] for _ in range(rows)]
    return {"dtype": dtype, "rank": rank, "rows": [_value(rng, dtype, shape) for shape in shapes]}


def _value(rng: random.Random, dtype: str, shape: list[int]) -> Any:
    if shape:
        return [_value(rng, dtype, shape[1:]) for _ in range(shape[0])]
    leaves = {"string": rng.choice(WORDS), "bool": rng.random() < 0.5, "float32": rng.randint(1, 64) / 8}
    return leaves.get(dtype, rng.randint(1, 9))


def _text(rng: random.Random) -> str:
    return " ".join(rng.choices(WORDS, k=rng.randint(1, 8)))
