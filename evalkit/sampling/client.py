"""What a sampling client is asked, and what it answers: prompts in, sampled sequences out, whatever computes them.

A client has one set of parameters (or one endpoint) for life. What it answers depends on the prompt, the sampling
parameters and the number of the example, and on nothing else: not on what is asked at the same time, nor on the order.
So it is promised for a live model; of an endpoint it is hoped.

    >>> sequence = SampledSequence(tokens=(5, 6), text="ab", log_probs=(-0.5, -0.25, -0.5), stop_reason="stop")
    >>> SampleResponse((sequence,), prompt_tokens=3).text, sequence.log_prob
    ('ab', -1.25)
"""

from __future__ import annotations

import abc
import dataclasses
import math
from collections.abc import Sequence
from types import TracebackType
from typing import Any, Self, final

import numpy as np

from evalkit.errors import ArgumentError, ArgumentTypeError
from evalkit.inference.arguments import whole_number
from evalkit.inference.sampling import SamplingParams

Prompt = str | Sequence[int]
"""Text, or the ids of tokens."""

_EXAMPLES = 2**31


@final
@dataclasses.dataclass(frozen=True)
class SampledSequence:
    """One answer.

    Attributes:
      tokens: its ids, without a stop id at the end; None where only text is known.
      text: what it says, up to a stop string; None where nothing decodes.
      log_probs: of its tokens in nats, and behind them of the stop id where one ended it and the client tells; as the
        model gives them, before temperature, top-k and top-p. None where they are not known.
      stop_reason: "stop" if a stop id or a stop string ended it, "length" if there was no room for more; endpoints have
        further ones, such as "content_filter".

    Raises:
      ArgumentError: there are neither tokens nor text, or not as many log-probabilities as tokens.
    """

    tokens: tuple[int, ...] | None
    text: str | None
    log_probs: tuple[float, ...] | None
    stop_reason: str

    def __post_init__(self) -> None:
        if self.tokens is None and self.text is None:
            raise ArgumentError("A sampled sequence has tokens, or text, or both; found neither.")
        if self.tokens is not None and self.log_probs is not None:
            more = len(self.log_probs) - len(self.tokens)
            if more not in (0, 1):
                raise ArgumentError(
                    f"There must be a log-probability for each of {len(self.tokens)} tokens, and at most one more for "
                    f"a stop id; found {len(self.log_probs)}."
                )

    @property
    def log_prob(self) -> float | None:
        """Of the whole answer, in nats, with what ended it; None where it is not known."""
        return None if self.log_probs is None else math.fsum(self.log_probs)


@final
@dataclasses.dataclass(frozen=True)
class SampleResponse:
    """The answers to one prompt.

    Attributes:
      sequences: `num_samples` answers, at least one.
      prompt_tokens: how many tokens the prompt has; None where that is not known.
      truncated: whether only the tail of the prompt was read.

    Raises:
      ArgumentError: there is no answer.
    """

    sequences: tuple[SampledSequence, ...]
    prompt_tokens: int | None = None
    truncated: bool = False

    def __post_init__(self) -> None:
        if not self.sequences:
            raise ArgumentError("A response has at least one sequence; found none.")

    @property
    def text(self) -> str | None:
        """What the first answer says."""
        return self.sequences[0].text


class SamplingClient(abc.ABC):
    """Samples from one model.

    Clients may be asked from any thread and any event loop, by many at a time; `async with` closes them.
    """

    @property
    @abc.abstractmethod
    def identity(self) -> str:
        """A hash of all that changes answers apart from the request: parameters, model, tokenizer, dtype; or the
        endpoint, its model and its settings.

        Raises:
          FingerprintError: it cannot be told.
        """

    @abc.abstractmethod
    async def sample(self, prompt: Prompt, sampling: SamplingParams, *, example: int = 0) -> SampleResponse:
        """Answers to a prompt.

        Each field of `sampling` is honoured, or it is an error.

        Args:
          prompt: text, or ids.
          sampling: how many answers, how long they may be, how they are chosen, and what ends one.
          example: a number for the example that the prompt belongs to, in `[0, 2**31)`. With `sampling.seed` it is what
            draws depend on: the same prompt under another number gets other answers. At temperature 0 nothing is drawn,
            and answers depend on neither.

        Raises:
          ArgumentError: the client cannot do what `sampling` asks, or there is no room for a prompt.
          ArgumentTypeError: an argument is of another type.
          RowError: the prompt is not one that the model can read.
          ModelError: the model's answer is not a number.
          SamplingError: there was no answer, or the client is closed.
        """

    @abc.abstractmethod
    async def aclose(self) -> None:
        """Ends the client after what it was asked is answered; it takes no further requests. Closing twice is fine."""

    @final
    async def __aenter__(self) -> Self:
        return self

    @final
    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.aclose()


@final
@dataclasses.dataclass(frozen=True)
class SampleRequest:
    """What is asked, checked.

    Attributes:
      prompt: text, or ids, which become a tuple of `int`.
      sampling: the sampling parameters.
      example: the number of the example.

    Raises:
      ArgumentError: the number of the example is out of range.
      ArgumentTypeError: something is of another type.
    """

    prompt: Prompt
    sampling: SamplingParams
    example: int = 0

    def __post_init__(self) -> None:
        if not isinstance(self.prompt, str):
            object.__setattr__(self, "prompt", _ids(self.prompt))
        given: Any = self.sampling
        if not isinstance(given, SamplingParams):
            raise ArgumentTypeError(f"sampling must be SamplingParams, found {given!r} ({type(given).__name__}).")
        object.__setattr__(self, "example", whole_number("example", self.example, least=0))
        if self.example >= _EXAMPLES:
            raise ArgumentError(f"example must be below 2**31, found {self.example}.")


def _ids(prompt: Any) -> tuple[int, ...]:
    if not isinstance(prompt, Sequence | np.ndarray) or isinstance(prompt, bytes):
        raise ArgumentTypeError(f"prompt must be text or a sequence of ids, found {type(prompt).__name__}.")
    ids = tuple(prompt)
    if set(map(type, ids)) <= {int} and min(ids, default=0) >= 0:  # the rule, and quick for cached ones
        return ids
    return tuple(whole_number(f"prompt[{index}]", token, least=0) for index, token in enumerate(ids))
