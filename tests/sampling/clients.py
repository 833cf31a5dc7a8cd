"""What the tests of clients share."""

from __future__ import annotations

import asyncio
import functools
from collections.abc import Callable
from typing import Any

import numpy as np

from evalkit.inference.engine import Engine
from evalkit.inference.sampling import SamplingParams
from evalkit.sampling import LiveModelClient, SampledSequence, SampleResponse, SamplingClient
from tests.inference.models import small_model

GREEDY = SamplingParams(6)
RANDOM = SamplingParams(6, temperature=0.9, seed=3)


class Letters:
    """A tokenizer: the letters from A on."""

    def encode_batch(self, texts: list[str]) -> list[list[int]]:
        if any("!" in text for text in texts):
            raise KeyError("no id for '!'")
        return [[ord(letter) - ord("A") for letter in text] for text in texts]

    def decode_batch(self, rows: list[list[int]]) -> list[str]:
        return ["".join(chr(ord("A") + token) for token in row) for row in rows]


@functools.cache
def engine(kind: str = "rotary") -> Engine:
    """One for all tests, since it keeps what it compiled."""
    return Engine(small_model(kind).model)


def live(**arguments: Any) -> LiveModelClient:
    return LiveModelClient(engine(), small_model("rotary").params, Letters(), **arguments)


class Counting(SamplingClient):
    """Answers with what it was asked, after a moment, and counts how often."""

    def __init__(self, identity: str = "counting", pause_s: float = 0.02) -> None:
        self.asked: list[tuple[Any, int]] = []
        self._identity, self._pause_s = identity, pause_s
        self.failing: Callable[[Any], bool] = lambda prompt: False
        self.closed = False

    @property
    def identity(self) -> str:
        return self._identity

    async def sample(self, prompt: Any, sampling: SamplingParams, *, example: int = 0) -> SampleResponse:
        self.asked.append((prompt, example))
        await asyncio.sleep(self._pause_s)
        if self.failing(prompt):
            raise ValueError(f"refused {prompt!r}")
        told = f"{prompt}/{example}"
        return SampleResponse((SampledSequence((1, 2), told, (-0.1, float(np.float32(-0.2))), "stop"),), len(prompt))

    async def aclose(self) -> None:
        self.closed = True
