"""Sweeps of the tests, and what they have written."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

from tensorboard.backend.event_processing.event_file_loader import EventFileLoader

from evalkit.training import CheckpointSweep
from tests.training.bigrams import letters_task, model


def sweep(results: Path, tasks: Any = None, **settings: Any) -> CheckpointSweep:
    return CheckpointSweep(model(), tasks or letters_task(), results, **{"batch_size": 16, **settings})


def points(folder: Path) -> dict[tuple[int, str], list[float]]:
    """What TensorBoard shows, by step and tag; more than one value is one too many."""
    found: dict[tuple[int, str], list[float]] = {}
    for path in folder.glob("events.out.tfevents.*"):
        for event in EventFileLoader(str(path)).Load():
            for value in event.summary.value:
                found.setdefault((event.step, value.tag), []).append(value.tensor.float_val[0])
    return found


def lines(results: Path) -> list[tuple[int, str, dict[str, float]]]:
    """Step, task and metrics of each line of `results.jsonl`."""
    rows = map(json.loads, (results / "results.jsonl").read_text().splitlines())
    return [(row["step"], row["task"], row["metrics"]) for row in rows]


def share(targets, predictions):
    return {"share": sum(map(str.__eq__, targets, predictions)) / len(targets)}


def failing(targets, predictions):
    raise KeyError("no such answer")


def moody(targets, predictions):
    """A metric that fails for reasons outside of it, as one that asks a server does."""
    if "EVALKIT_TESTS_MOOD" in os.environ:
        raise KeyError("not today")
    return {"mood": 1.0}
