"""The demo's training data: a mixture of additions, which is the task in question, and of subtractions beside them."""

from __future__ import annotations

import numpy as np

from evalkit.data.registry import MixtureRegistry, TaskRegistry
from evalkit.data.sources.in_memory import InMemoryDataSource
from evalkit.demo.addition import ADDITION, LIMIT

NUM_HELD_OUT_DIFFERENCES = 250

LENGTHS = {"inputs": len("99+99="), "targets": len("198") + 1}  # and the end of the sequence


def differences() -> dict[str, dict[str, list[str]]]:
    """All differences that are not negative, as `evalkit.demo.addition.sums` has the sums."""
    terms = [(a, b) for a in range(LIMIT) for b in range(a + 1)]
    order = [terms[number] for number in np.random.default_rng(1).permutation(len(terms))]
    return {
        "train": _columns(order[NUM_HELD_OUT_DIFFERENCES:]),
        "validation": _columns(order[:NUM_HELD_OUT_DIFFERENCES]),
    }


def _columns(terms: list[tuple[int, int]]) -> dict[str, list[str]]:
    return {"question": [f"{a}-{b}=" for a, b in terms], "answer": [str(a - b) for a, b in terms]}


SUBTRACTION = TaskRegistry.add(
    "subtraction",
    source=InMemoryDataSource(differences()),
    preprocessors=ADDITION.preprocessors,
    output_features=ADDITION.output_features,
    metric_fns=ADDITION.metric_fns,
)

ARITHMETIC = MixtureRegistry.add("addition_and_subtraction", [(ADDITION, 9), (SUBTRACTION, 1)])
