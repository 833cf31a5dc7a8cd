"""Random tasks and random model outputs, as JSON that both libraries can be given.

A case holds all the data; what is code (vocabularies, postprocess functions, metrics) it names, and `material` and
`evaluation` have it. Outputs are rectangular, since seqio cannot take others; everything else is drawn: right
answers, ids beyond the vocabulary, ids after the EOS, empty texts, text that is no ASCII, shuffled pairs, top-k.
"""

from __future__ import annotations

import random
from typing import Any

from tests.compat.differential.material import VOCABULARY_SIZES
from tests.compat.differential.preprocessor_cases import text

POSTPROCESS = (None, "last word", "inputs and role")
PREDICT_METRICS = ("exact", "mean length", "float32 overlap", "types")
SCORE_METRICS = ("mean score", "score spread", "score per character")
AUX_METRICS = ("weighted", "vector norm")

Case = dict[str, Any]


def cases(count: int, seed: int = 0) -> list[Case]:
    """`count` cases, always the same ones for a seed."""
    return [case(random.Random(seed * 100_003 + number), number) for number in range(count)]


def case(rng: random.Random, number: int) -> Case:
    """One case: one task or a mixture of two, the Evaluator's arguments, and what its model functions return."""
    vocabulary = rng.choice(list(VOCABULARY_SIZES))
    top_k = rng.random() < 0.2
    tasks = [task(rng, f"case_{number}_{part}", vocabulary, top_k) for part in range(rng.choice((1, 1, 1, 2)))]
    return {
        "name": f"case_{number}",
        "vocabulary": vocabulary,
        "tasks": tasks,
        "async_compute_metrics": rng.random() < 0.5,
        "use_memory_cache": rng.random() < 0.8,
        "num_examples": rng.choice((None, None, 2)),
    }


def task(rng: random.Random, name: str, vocabulary: str, top_k: bool) -> Case:
    """A task with its rows and, for any number of examples up to all, the outputs of a model."""
    rows = [{"inputs": text(rng), "targets": text(rng)} for _ in range(rng.randint(2, 24))]
    metrics = rng.sample(PREDICT_METRICS, rng.randint(1, 3))
    if rng.random() < 0.5:
        metrics += rng.sample(SCORE_METRICS, rng.randint(1, 3))
    if rng.random() < 0.4 and not top_k:
        metrics += rng.sample(AUX_METRICS, rng.randint(1, 2))
    rng.shuffle(metrics)
    return {
        "name": name,
        "rows": rows,
        "copy_pretokenized": rng.random() < 0.5,
        "add_eos": rng.random() < 0.7,
        "postprocess": None if top_k else rng.choice(POSTPROCESS),
        "metrics": metrics,
        "order": rng.sample(range(len(rows)), len(rows)),
        "predictions": predictions(rng, len(rows), VOCABULARY_SIZES[vocabulary], top_k),
        "right": [index for index in range(len(rows)) if rng.random() < 0.3],
        "scores": [rng.gauss(-3, 2) for _ in rows],
        "intermediates": rng.random() < 0.3,
        "aux": {"weight": [rng.random() for _ in rows], "vector": [[rng.gauss(0, 1) for _ in range(3)] for _ in rows]},
    }


def predictions(rng: random.Random, rows: int, vocabulary_size: int, top_k: bool) -> list[Any]:
    """Ids of one length (one number of decodes too, if `top_k`): a run of ids, perhaps an EOS, anything, padding."""
    length, decodes = rng.randint(1, 40), rng.randint(1, 3)

    def ids() -> list[int]:
        tokens = [rng.randrange(0, vocabulary_size + 40) for _ in range(rng.randint(0, length))]
        if tokens and rng.random() < 0.6:
            tokens[rng.randrange(len(tokens))] = 1
        return tokens + [0] * (length - len(tokens))

    return [[ids() for _ in range(decodes)] if top_k else ids() for _ in range(rows)]
