"""What an OpenAI-compatible endpoint answers, read with suspicion: servers differ, and proxies stand between.

>>> body = '{"choices": [{"text": " 4", "finish_reason": "stop"}], "usage": {"prompt_tokens": 5}}'
>>> response_of(body, SamplingParams(8), chat=False, log_probs=False).text
' 4'
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from typing import Any

from evalkit.errors import SamplingError
from evalkit.inference.sampling import SamplingParams
from evalkit.inference.stop_strings import StopStrings
from evalkit.sampling.client import SampledSequence, SampleResponse
from evalkit.sampling.retrying import TransientFailure

_SHOWN = 200


def response_of(body: str, sampling: SamplingParams, *, chat: bool, log_probs: bool) -> SampleResponse:
    """The response that a body of JSON holds.

    Args:
      body: of the HTTP response.
      sampling: what was asked.
      chat: whether it answers a chat, and no completion.
      log_probs: whether log-probabilities were asked.

    Raises:
      TransientFailure: it is no JSON, or not what was asked; a server that is overloaded may answer so.
      SamplingError: the endpoint disregards what was asked: answers are longer or of another number, or have no
        log-probabilities, or some that are no numbers.
    """
    try:
        found = json.loads(body)
    except ValueError as error:
        raise TransientFailure(f"the body is no JSON ({error}): {body[:_SHOWN]!r}") from error
    choices = found.get("choices") if isinstance(found, dict) else None
    if not isinstance(choices, list) or not choices:
        raise TransientFailure(f"there must be {sampling.num_samples} choices, found none: {body[:_SHOWN]!r}")
    try:
        ordered = sorted(choices, key=lambda choice: choice.get("index", 0))
        sequences = tuple(_sequence(choice, sampling, chat, log_probs) for choice in ordered)
        usage = found.get("usage") or {}
        _check_length(usage.get("completion_tokens"), sampling)
        prompt_tokens = usage.get("prompt_tokens")
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise TransientFailure(f"the answer has another form than expected ({error!r}): {body[:_SHOWN]!r}") from error
    if len(sequences) != sampling.num_samples:
        raise SamplingError(
            f"The endpoint was asked for {sampling.num_samples} answers (n) and gave {len(sequences)}: it disregards "
            "the number. Ask with num_samples=1, once for each answer that you want, with other seeds."
        )
    return SampleResponse(sequences, None if prompt_tokens is None else int(prompt_tokens))


def _sequence(choice: Mapping[str, Any], sampling: SamplingParams, chat: bool, log_probs: bool) -> SampledSequence:
    text = (choice["message"].get("content") or "") if chat else choice["text"]
    reason = choice["finish_reason"]
    if not isinstance(text, str) or not isinstance(reason, str):
        raise TypeError(f"text and finish_reason must be strings, found {text!r} and {reason!r}")
    kept = StopStrings(sampling.stop_strings, str).cut(text)
    values = _log_probs(choice, chat) if log_probs else None
    if len(kept) < len(text):  # some servers hand the stop string out, some ignore it: what follows is no answer's
        return SampledSequence(tokens=None, text=kept, log_probs=None, stop_reason="stop")
    return SampledSequence(tokens=None, text=text, log_probs=values, stop_reason=reason)


def _log_probs(choice: Mapping[str, Any], chat: bool) -> tuple[float, ...]:
    found = choice.get("logprobs")
    values = None if found is None else found.get("content" if chat else "token_logprobs")
    if values is None:
        raise SamplingError("The endpoint was asked for log-probabilities and gave none. Pass log_probs=False.")
    numbers = tuple(float(value["logprob"] if chat else value) for value in values)
    if not all(map(math.isfinite, numbers)):
        raise SamplingError(
            f"Log-probabilities are finite numbers, and the endpoint gave {numbers}. Pass log_probs=False."
        )
    return numbers


def _check_length(completion_tokens: Any, sampling: SamplingParams) -> None:
    most = sampling.max_new_tokens * sampling.num_samples
    if completion_tokens is not None and int(completion_tokens) > most:
        raise SamplingError(
            f"The endpoint generated {completion_tokens} tokens where at most {most} were asked for: it does not know "
            "the limit under the name that was used. Pass another `token_limit`."
        )
