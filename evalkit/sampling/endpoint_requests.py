"""Sampling parameters in the words of an OpenAI-compatible endpoint.

What the API has no word for is an error, unless the endpoint is known to have that extension of it.
"""

from __future__ import annotations

import dataclasses
import hashlib
from typing import Any, Literal, final

from evalkit.errors import ArgumentError, ArgumentTypeError
from evalkit.inference.sampling import SamplingParams
from evalkit.sampling.client import SampleRequest

FORM = 2  # another one when the same request is sent in other words: answers that are kept are found by it

Extension = Literal["top_k", "stop_token_ids"]
EXTENSIONS: tuple[Extension, ...] = ("top_k", "stop_token_ids")
"""What some servers (vLLM, SGLang) take beyond OpenAI's API."""

_ALL_TOKENS = -1  # the top-k that is none: 0 is out of range for some servers

TokenLimit = Literal["max_completion_tokens", "max_tokens"]
TOKEN_LIMITS: tuple[TokenLimit, ...] = ("max_completion_tokens", "max_tokens")


@final
@dataclasses.dataclass(frozen=True)
class RequestForm:
    """How an endpoint is asked.

    Attributes:
      model: the name of the model.
      chat: whether prompts are turns of a user in a chat, and not texts to be continued.
      system: what a chat begins with; None for nothing.
      log_probs: whether log-probabilities are asked for.
      token_limit: under which name a chat is told how many tokens there may be.
      extensions: of `EXTENSIONS`, those that the endpoint honours.

    Raises:
      ArgumentError: a name is not known or empty, or there is a system message and no chat.
      ArgumentTypeError: `extensions` is a string.
    """

    model: str
    chat: bool = True
    system: str | None = None
    log_probs: bool = False
    token_limit: TokenLimit = "max_completion_tokens"
    extensions: tuple[Extension, ...] = ()

    def __post_init__(self) -> None:
        if not self.model:
            raise ArgumentError("model must be the name that the endpoint knows the model by, found an empty one.")
        if self.token_limit not in TOKEN_LIMITS:
            raise ArgumentError(f"token_limit must be one of {TOKEN_LIMITS}, found {self.token_limit!r}.")
        given: Any = self.extensions
        if isinstance(given, str):
            raise ArgumentTypeError(f"extensions must be several names; found one, {given!r}. Pass ({given!r},).")
        object.__setattr__(self, "extensions", tuple(sorted(given)))
        for name in self.extensions:
            if name not in EXTENSIONS:
                raise ArgumentError(f"extensions may be {EXTENSIONS}, found {name!r}.")
        if self.system is not None and not self.chat:
            raise ArgumentError("A system message is part of a chat, and completions have none. Pass chat=True.")

    def arguments(self, request: SampleRequest) -> dict[str, Any]:
        """The keyword arguments of the `openai` package's `create`.

        Raises:
          ArgumentError: the endpoint cannot do what is asked.
        """
        sampling = request.sampling
        more = self._extended(request)
        asked: dict[str, Any] = {
            "model": self.model,
            "temperature": float(sampling.temperature),
            "n": sampling.num_samples,
            **({"top_p": float(sampling.top_p)} if self._tells_top_p(sampling) else {}),
            **({"stop": list(sampling.stop_strings)} if sampling.stop_strings else {}),
            **({"seed": endpoint_seed(sampling.seed, request.example)} if sampling.temperature > 0 else {}),
            **({"extra_body": more} if more else {}),
        }
        if not self.chat:
            prompt = request.prompt if isinstance(request.prompt, str) else list(request.prompt)
            return {
                **asked,
                "prompt": prompt,
                "max_tokens": sampling.max_new_tokens,
                **({"logprobs": 0} if self.log_probs else {}),
            }
        if not isinstance(request.prompt, str):
            raise ArgumentError("A chat takes text, and the prompt is ids. Decode them, or pass chat=False.")
        system = [] if self.system is None else [{"role": "system", "content": self.system}]
        return {
            **asked,
            "messages": [*system, {"role": "user", "content": request.prompt}],
            self.token_limit: sampling.max_new_tokens,
            **({"logprobs": True} if self.log_probs else {}),
        }

    def _tells_top_p(self, sampling: SamplingParams) -> bool:
        """Reasoning models refuse to be told; servers that know top-k have defaults of the model's for both."""
        return sampling.top_p < 1 or "top_k" in self.extensions

    def _extended(self, request: SampleRequest) -> dict[str, Any]:
        sampling = request.sampling
        wanted: dict[str, Any] = {"top_k": sampling.top_k, "stop_token_ids": list(sampling.stop_ids)}
        fields = {"top_k": "top_k", "stop_token_ids": "stop_ids"}
        for name, value in wanted.items():
            if value and name not in self.extensions:
                raise ArgumentError(
                    f"OpenAI's API has no word for {fields[name]} = {value}. If this endpoint takes {name!r}, pass "
                    f"extensions=({name!r},)."
                )
        told = {name: value for name, value in wanted.items() if value}
        return {"top_k": _ALL_TOKENS, **told} if "top_k" in self.extensions else told


def endpoint_seed(seed: int, example: int) -> int:
    """The seed of a request, in `[0, 2**31)`: each example draws from one of its own.

    >>> endpoint_seed(0, 1) == endpoint_seed(0, 2)
    False
    """
    return int.from_bytes(hashlib.sha256(f"{seed}:{example}".encode()).digest()[:4]) >> 1
