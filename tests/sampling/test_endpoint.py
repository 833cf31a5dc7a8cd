from __future__ import annotations

import asyncio
import email.utils
import json
import socket
import sys
import time

import pytest

from evalkit.errors import ArgumentError, MissingExtraError, SamplingError
from evalkit.inference.sampling import SamplingParams
from evalkit.sampling import OpenAIClient, Retrying
from evalkit.sampling.endpoint import asked_pause_s
from tests.sampling.server import Reply, chat_body, serving

pytest.importorskip("openai", reason="needs the openai package: pip install 'evalkit[openai]'")

SAMPLING = SamplingParams(8)
QUICK = Retrying(attempts=3, first_pause_s=0.01, longest_pause_s=2.0)
GOOD = Reply(200, chat_body("four"))


def ask(served, *requests, **arguments):
    """The responses, or the exceptions, to requests of prompt and sampling."""

    async def run():
        settings = {"base_url": served.base_url, "api_key": "none", "retrying": QUICK, **arguments}
        async with OpenAIClient("tiny", **settings) as client:
            asked = (client.sample(prompt, sampling, example=3) for prompt, sampling in requests)
            return await asyncio.gather(*asked, return_exceptions=True)

    return asyncio.run(run())


def one(reply, sampling=SAMPLING, prompt="2+2?", **arguments):
    """The response to one request, and the requests that a server with one reply got."""
    with serving(lambda number, asked: reply) as served:
        (response,) = ask(served, (prompt, sampling), **arguments)
    return response, served.requests


def test_a_chat():
    sampling = SamplingParams(8, temperature=0.5, top_p=0.9, num_samples=2, stop_strings=("\n",), seed=4)
    response, ((path, asked),) = one(Reply(200, chat_body("four", "4\nand more")), sampling, system="Be short.")
    assert [(found.text, found.stop_reason) for found in response.sequences] == [("four", "stop"), ("4", "stop")]
    assert (response.prompt_tokens, path) == (7, "/v1/chat/completions")
    assert 0 <= asked.pop("seed") < 2**31
    assert asked == {
        "model": "tiny",
        "messages": [{"role": "system", "content": "Be short."}, {"role": "user", "content": "2+2?"}],
        "max_completion_tokens": 8,
        "temperature": 0.5,
        "top_p": 0.9,
        "n": 2,
        "stop": ["\n"],
    }


def test_a_completion_with_ids_and_extensions():
    logprobs = {"token_logprobs": [-0.5, -0.25]}
    body = json.dumps({"choices": [{"text": "4", "index": 0, "finish_reason": "length", "logprobs": logprobs}]})
    sampling = SamplingParams(8, top_k=5, stop_ids=(9,))
    extensions = ("top_k", "stop_token_ids")
    response, ((path, asked),) = one(
        Reply(200, body), sampling, (1, 2), chat=False, log_probs=True, extensions=extensions
    )
    assert path == "/v1/completions"
    assert {name: asked[name] for name in ("prompt", "max_tokens", "top_k", "stop_token_ids", "logprobs")} == {
        "prompt": [1, 2],
        "max_tokens": 8,
        "top_k": 5,
        "stop_token_ids": [9],
        "logprobs": 0,
    }
    assert response.sequences[0].log_probs == (-0.5, -0.25)
    assert (response.sequences[0].stop_reason, response.prompt_tokens) == ("length", None)


@pytest.mark.parametrize("sampling", [SamplingParams(8, top_k=5), SamplingParams(8, stop_ids=(3,))])
def test_what_an_endpoint_has_no_word_for_is_refused(sampling):
    error, requests = one(GOOD, sampling)
    assert isinstance(error, ArgumentError) and "has no word for" in str(error)
    assert not requests


def test_a_chat_takes_no_ids():
    error, _ = one(GOOD, prompt=[1, 2])
    assert isinstance(error, ArgumentError) and "chat takes text" in str(error)


PASSING = {
    "429": Reply(429, '{"error": "slow down"}'),
    "500": Reply(500, "oops"),
    "broken JSON": Reply(200, '{"choices": [{"mess'),
    "a page of a proxy": Reply(200, "<html>wait</html>", (("Content-Type", "text/html"),)),
    "JSON of another form": Reply(200, '{"choices": [{"text": 3}]}'),
    "a list": Reply(200, "[]"),
    "too few choices": Reply(200, '{"choices": []}'),
    "hangs up": Reply(None),
    "slow": Reply(200, chat_body("late"), wait_s=1.0),
}


@pytest.mark.parametrize("reply", PASSING.values(), ids=PASSING)
def test_what_fails_in_passing_is_asked_again(reply):
    with serving(lambda number, asked: reply if number < 2 else GOOD) as served:
        (response,) = ask(served, ("2+2?", SAMPLING), timeout_s=0.4)
    assert response.text == "four"
    assert len(served.requests) == 3


@pytest.mark.parametrize(
    ("kind", "says"),
    [("429", "status 429.*slow down"), ("500", "status 500"), ("broken JSON", "no JSON"), ("slow", "0.2 seconds")],
)
def test_what_goes_on_failing_is_an_error(kind, says):
    error, requests = one(PASSING[kind], timeout_s=0.2)
    with pytest.raises(SamplingError, match=rf"'tiny' at http.* no answer in 3 attempt\(s\).*{says}"):
        raise error
    assert len(requests) == 3


def test_nobody_listens():
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]

    async def run():
        settings = {"base_url": f"http://127.0.0.1:{port}/v1", "api_key": "none", "retrying": QUICK}
        async with OpenAIClient("tiny", **settings) as client:
            await client.sample("2+2?", SAMPLING)

    with pytest.raises(SamplingError, match="no connection"):
        asyncio.run(run())


def test_a_refusal_is_an_error_at_once():
    error, requests = one(Reply(400, '{"error": "no such model"}'))
    assert isinstance(error, SamplingError) and "refuses" in str(error) and "no such model" in str(error)
    assert len(requests) == 1


def test_retry_after_is_obeyed():
    busy = Reply(429, "{}", (("Retry-After", "0.5"),))
    start = time.monotonic()
    with serving(lambda number, asked: busy if number < 1 else GOOD) as served:
        (response,) = ask(served, ("2+2?", SAMPLING))
    assert response.text == "four" and time.monotonic() - start >= 0.5


def test_a_pause_that_is_too_long_is_not_made():
    error, requests = one(Reply(429, "{}", (("Retry-After", "3600"),)))
    assert isinstance(error, SamplingError) and "3600 seconds, and 2 is the longest" in str(error)
    assert len(requests) == 1


def test_retry_after_may_be_a_date():
    date = email.utils.format_datetime(email.utils.localtime())
    assert asked_pause_s({"retry-after": date}) == pytest.approx(0, abs=2)
    assert asked_pause_s({}) is asked_pause_s({"retry-after": "nan"}) is None


def test_no_more_than_so_many_at_a_time():
    with serving(lambda number, asked: Reply(200, chat_body("four"), wait_s=0.05)) as served:
        responses = ask(served, *[("2+2?", SAMPLING)] * 12, max_concurrent=3)
    assert [response.text for response in responses] == ["four"] * 12
    assert served.most_at_once == 3


def test_an_endpoint_that_disregards_the_limit_is_found_out():
    error, _ = one(Reply(200, chat_body("x", usage={"prompt_tokens": 1, "completion_tokens": 9})))
    assert isinstance(error, SamplingError) and "9 tokens where at most 8" in str(error)


def test_log_probabilities_that_do_not_come_are_an_error():
    error, _ = one(GOOD, log_probs=True)
    assert isinstance(error, SamplingError) and "gave none" in str(error)


def test_identity_depends_on_all_that_changes_answers():
    usual = {"model": "a", "base_url": "http://one/v1", "api_key": "none"}
    others = [
        {},
        {"model": "b"},
        {"base_url": "http://two/v1"},
        {"chat": False},
        {"system": "Be short."},
        {"revision": "2"},
        {"log_probs": True},
        {"extensions": ("top_k",)},
        {"token_limit": "max_tokens"},
    ]
    assert len({OpenAIClient(**{**usual, **other}).identity for other in others}) == len(others)
    assert OpenAIClient(**{**usual, "api_key": "other"}).identity == OpenAIClient(**usual).identity


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ({"model": ""}, "model must be"),
        ({"timeout_s": 0}, "timeout_s"),
        ({"max_concurrent": 0}, "max_concurrent"),
        ({"token_limit": "max"}, "token_limit"),
        ({"extensions": ("min_p",)}, "extensions may be"),
        ({"system": "x", "chat": False}, "part of a chat"),
    ],
)
def test_arguments_are_checked(arguments, says):
    with pytest.raises(ArgumentError, match=says):
        OpenAIClient(**{"model": "tiny", "api_key": "none", **arguments})


def test_retrying_checks_itself():
    with pytest.raises(ArgumentError, match="attempts"):
        Retrying(attempts=0)
    with pytest.raises(ArgumentError, match="first_pause_s"):
        Retrying(first_pause_s=2.0, longest_pause_s=1.0)


def test_a_key_is_wanted(monkeypatch):
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    with pytest.raises(ArgumentError, match="OPENAI_API_KEY"):
        OpenAIClient("tiny")


def test_a_closed_client_says_so():
    client = OpenAIClient("tiny", api_key="none")
    asyncio.run(client.aclose())
    asyncio.run(client.aclose())
    with pytest.raises(SamplingError, match="closed"):
        asyncio.run(client.sample("a", SAMPLING))


def test_without_the_package(monkeypatch):
    monkeypatch.setitem(sys.modules, "openai", None)
    with pytest.raises(MissingExtraError, match=r"evalkit\[openai\]"):
        OpenAIClient("tiny", api_key="none")
