"""evalkit's side: the same weights in the demo's Flax model, behind an engine."""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from evalkit.columns import Ragged
from evalkit.demo.cached_model import METHODS, CachedLanguageModel
from evalkit.inference.boundaries import encode_pairs
from evalkit.inference.engine import Engine
from evalkit.inference.linen_model import linen_model
from evalkit.inference.methods import Methods
from evalkit.inference.prompts import Prompts
from evalkit.inference.sampling import SamplingParams
from tests.benchmarks import language, measure

LATER = 2
_BLOCK = {
    "before_attention": "ln_1",
    "attention/queries_keys_values": "attn.c_attn",
    "attention/output": "attn.c_proj",
    "before_feed_forward": "ln_2",
    "feed_forward/inner": "mlp.c_fc",
    "feed_forward/outer": "mlp.c_proj",
}


def module() -> CachedLanguageModel:
    return CachedLanguageModel(
        vocab_size=language.VOCABULARY,
        max_length=language.LENGTH,
        width=language.WIDTH,
        num_layers=language.LAYERS,
        num_heads=language.HEADS,
    )


def engine(methods: Methods = METHODS) -> Engine:
    model = linen_model(module(), vocab_size=language.VOCABULARY, max_length=language.LENGTH, methods=methods)
    return Engine(model)


def params() -> dict[str, Any]:
    """The weights as the module has them."""
    weights = language.weights()

    def layer(name: str) -> dict[str, np.ndarray]:
        kind = "scale" if "ln_" in name else "kernel"
        return {kind: weights[f"transformer.{name}.weight"], "bias": weights[f"transformer.{name}.bias"]}

    tree: dict[str, Any] = {
        "token_embedding": {"embedding": weights["transformer.wte.weight"]},
        "position_embedding": {"embedding": weights["transformer.wpe.weight"]},
        "final_norm": layer("ln_f"),
    }
    for number in range(language.LAYERS):
        block: dict[str, Any] = {}
        for path, theirs in _BLOCK.items():
            *outer, name = path.split("/")
            functools.reduce(lambda at, key: at.setdefault(key, {}), outer, block)[name] = layer(f"h.{number}.{theirs}")
        tree[f"blocks_{number}"] = block
    return tree


def scoring(folder: Path, questions: int) -> Callable[[], language.Timed]:
    """A function that scores the choices; what it takes from texts to scores, and the scores."""
    scorer, weights, tokenizer = engine(), params(), language.tokenizer(folder)
    pairs = language.pairs(folder, questions)

    def encode_batch(texts: Sequence[str]) -> Ragged:
        return Ragged.from_rows([encoding.ids for encoding in tokenizer.encode_batch(list(texts))])

    def score() -> language.Timed:
        with measure.Stopwatch() as watch:
            found = scorer.score(weights, encode_pairs(encode_batch, pairs).rows).sums.tolist()
        return language.Timed(found, watch.cpu, watch.wall, scorer.compiles)

    return score


def generation(folder: Path, prompts: int) -> Callable[[], language.Timed]:
    """A function that generates greedily; what that takes, and the new ids."""
    generator, weights, ids = engine(), params(), language.prompts(folder, prompts)

    def generate() -> language.Timed:
        with measure.Stopwatch() as watch:
            found = generator.generate(weights, Prompts.of(ids), SamplingParams(language.MAX_NEW))
        answers = [found.tokens.row(number).tolist() for number in range(len(found))]
        return language.Timed(answers, watch.cpu, watch.wall, generator.compiles)

    return generate
