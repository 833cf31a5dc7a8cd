"""One side's evaluation, timed: the first one with all that is compiled, and those that come later."""

from __future__ import annotations

import importlib
import json
import statistics
from pathlib import Path
from typing import Any

import numpy as np

from tests.benchmarks import language

_SIDES = {"huggingface": "huggingface", "evalkit": "engine"}


def measured(asked: dict[str, Any], kind: str, count: int) -> dict[str, Any]:
    """Times `kind`, "scoring" or "generation", of `count` texts, and keeps what was found.

    `different` says how evalkit's differs from what the peer found, if that is there: the largest difference of two
    scores, or how many answers are not the same.
    """
    folder: Path = asked["folder"]
    language.use_threads()
    language.tokenizer(folder)
    side = importlib.import_module(f"tests.benchmarks.language.{_SIDES[asked['subject']]}")
    evaluate = getattr(side, kind)(folder, count)
    first: language.Timed = evaluate()
    later: list[language.Timed] = [evaluate() for _ in range(side.LATER)] or [first]
    mine, theirs = (folder / f"{kind}-{count}-{name}.json" for name in (asked["subject"], "huggingface"))
    mine.write_text(json.dumps(first.found), encoding="utf-8")
    compared = mine != theirs and theirs.exists()
    different = _different(first.found, json.loads(theirs.read_text(encoding="utf-8"))) if compared else None
    return {
        "cpu": statistics.median(one.cpu for one in later),
        "wall": statistics.median(one.wall for one in later),
        "first": first.cpu,
        "compiled later": later[-1].compiles - first.compiles,
        "different": different,
    }


def _different(found: list[Any], theirs: list[Any]) -> float:
    if len(found) != len(theirs):
        raise RuntimeError(f"One side has {len(found)}, the other {len(theirs)}.")
    if isinstance(found[0], list):
        return float(sum(a != b for a, b in zip(found, theirs, strict=True)))
    return float(np.abs(np.subtract(found, theirs)).max())
