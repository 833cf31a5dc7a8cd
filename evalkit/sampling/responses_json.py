"""Responses as JSON and back, to the bit; and the key under which one is kept.

>>> response = SampleResponse((SampledSequence((5,), "a", (-0.1,), "stop"),), 3)
>>> decoded_response(encoded_response(response)) == response
True
"""

from __future__ import annotations

import dataclasses
import functools
import hashlib
from collections.abc import Callable
from typing import Any

import orjson

from evalkit.inference.sampling import SamplingParams
from evalkit.sampling.client import SampledSequence, SampleRequest, SampleResponse

_FORM = 1  # of what is kept; another one has other keys


def encoded_response(response: SampleResponse) -> bytes | None:
    """The response as JSON, numbers of numpy as those of Python; None for one that JSON does not give back as it was: a
    number that is not finite, or a surrogate that stands alone.
    """
    count = response.prompt_tokens
    try:
        rows = [
            [_all(int, found.tokens), found.text, _all(float, found.log_probs), found.stop_reason]
            for found in response.sequences
        ]
        encoded = orjson.dumps([rows, None if count is None else int(count), bool(response.truncated)])
    except (TypeError, ValueError):  # orjson's own error is one of them
        return None
    if b"null" in encoded and decoded_response(encoded) != response:  # orjson writes null for what is not finite
        return None
    return encoded


def _all(kind: Callable[[Any], Any], values: tuple[Any, ...] | None) -> list[Any] | None:
    return None if values is None else list(map(kind, values))


def decoded_response(encoded: bytes) -> SampleResponse:
    """The response that was encoded.

    Raises:
      ValueError: it is not one.
    """
    rows, prompt_tokens, truncated = orjson.loads(encoded)
    return SampleResponse(tuple(_sequence(*row) for row in rows), prompt_tokens, truncated)


def _sequence(tokens: Any, text: Any, log_probs: Any, stop_reason: Any) -> SampledSequence:
    return SampledSequence(
        None if tokens is None else tuple(tokens), text, None if log_probs is None else tuple(log_probs), stop_reason
    )


def response_key(identity: str, request: SampleRequest) -> bytes:
    """32 bytes that depend on everything that changes the answer: the client, all sampling parameters, the prompt, text
    or ids, and the example. At temperature 0 nothing is drawn, so there neither the seed nor the example matters.
    """
    prompt, sampling, example = request.prompt, request.sampling, request.example
    if sampling.temperature == 0:
        sampling, example = _unseeded(sampling), 0
    if isinstance(prompt, str):
        told = b"text:" + prompt.encode("utf-8", "surrogatepass")
    else:
        told = b"ids:" + ",".join(map(str, prompt)).encode()
    return hashlib.sha256(b"%b%d:%b" % (_prefix(identity, sampling), example, told)).digest()


@functools.lru_cache(maxsize=1024)
def _unseeded(sampling: SamplingParams) -> SamplingParams:
    return dataclasses.replace(sampling, seed=0)


@functools.lru_cache(maxsize=1024)
def _prefix(identity: str, sampling: SamplingParams) -> bytes:
    fields = {field.name: getattr(sampling, field.name) for field in dataclasses.fields(sampling)}
    reals = {name: float(fields[name]) for name in ("temperature", "top_p")}  # 1 and 1.0 are the same
    return hashlib.sha256(repr((_FORM, identity, sorted({**fields, **reals}.items()))).encode()).digest()
