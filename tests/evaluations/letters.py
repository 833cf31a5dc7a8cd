"""A tokenizer for the small models of tests/inference/models.py: a letter is a token."""

from __future__ import annotations

import functools

import numpy as np

from evalkit.evaluations.inference_job import InferenceJob
from evalkit.inference.engine import Engine
from tests.inference.models import small_model

ALPHABET = "abcdefghijklmnopqrstuvwxyz 0123456"
FIRST = 3  # ids 0 to 2 are padding, BOS and EOS
BOS = 1


class Letters:
    """encode_batch and decode_batch with lists, as other projects' tokenizers have them."""

    def encode_batch(self, texts):
        return [[ALPHABET.index(letter) + FIRST for letter in text] for text in texts]

    def decode_batch(self, rows):
        return ["".join(ALPHABET[number - FIRST] if number >= FIRST else "?" for number in row) for row in rows]


def ids(text: str) -> list[int]:
    return Letters().encode_batch([text])[0]


def random_texts(count: int, longest: int, seed: int, shortest: int = 1) -> list[str]:
    """Texts without white space, of which the boundary between two is where it seems to be."""
    generator = np.random.default_rng(seed)
    lengths = generator.integers(shortest, longest + 1, count)
    return ["".join(generator.choice(list(ALPHABET.replace(" ", "")), length)) for length in lengths]


@functools.cache
def learned_job() -> InferenceJob:
    """The model that tests/inference/reference.py computes in float64."""
    model, params = small_model("learned")
    return InferenceJob(Engine(model, token_budget=512), params)
