"""The demo's task: adding two numbers below 100. Of the 10,000 sums 500 are held out, and never trained on.

It is also an example of a task module: a source, features, preprocessors and metrics, registered under a name.
"""

from __future__ import annotations

import functools

import numpy as np

from evalkit import preprocessors
from evalkit.data.feature import Feature
from evalkit.data.registry import TaskRegistry
from evalkit.data.sources.in_memory import InMemoryDataSource
from evalkit.metrics.exact import exact_match
from evalkit.metrics.likelihood import mean_log_likelihood
from evalkit.vocabularies.byte import ByteVocabulary

LIMIT = 100
NUM_HELD_OUT = 500

VOCABULARY = ByteVocabulary()


def sums() -> dict[str, dict[str, list[str]]]:
    """All sums in a fixed random order, by split: `{"question": ["3+4=", …], "answer": ["7", …]}`."""
    order = np.random.default_rng(0).permutation(LIMIT * LIMIT).tolist()
    return {"train": _columns(order[NUM_HELD_OUT:]), "validation": _columns(order[:NUM_HELD_OUT])}


def _columns(numbers: list[int]) -> dict[str, list[str]]:
    terms = [divmod(number, LIMIT) for number in numbers]
    return {"question": [f"{a}+{b}=" for a, b in terms], "answer": [str(a + b) for a, b in terms]}


ADDITION = TaskRegistry.add(
    "addition",
    source=InMemoryDataSource(sums()),
    preprocessors=[
        functools.partial(preprocessors.rekey, key_map={"inputs": "question", "targets": "answer"}),
        preprocessors.tokenize,
        preprocessors.append_eos,
    ],
    output_features={
        "inputs": Feature(VOCABULARY, add_eos=False),
        "targets": Feature(VOCABULARY, add_eos=True),
    },
    metric_fns=[exact_match, mean_log_likelihood],
)
