from __future__ import annotations

import asyncio
import json
import socket
import sys

import pytest

from evalkit.errors import ArgumentError, MissingExtraError, SamplingError
from evalkit.inference.sampling import SamplingParams
from evalkit.sampling import OpenAIClient
from tests.sampling.asking import GOOD, QUICK, SAMPLING, ask, one
from tests.sampling.server import Reply, chat_body, serving

pytest.importorskip("openai", reason="needs the openai package: pip install 'evalkit[openai]'")


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
    "hangs up within the body": Reply(200, chat_body("four"), missing=50),
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


def test_no_more_than_so_many_at_a_time():
    with serving(lambda number, asked: Reply(200, chat_body("four"), wait_s=0.05)) as served:
        responses = ask(served, *[("2+2?", SAMPLING)] * 12, max_concurrent=3)
    assert [response.text for response in responses] == ["four"] * 12
    assert served.most_at_once == 3


def test_an_endpoint_that_disregards_the_limit_is_found_out():
    error, _ = one(Reply(200, chat_body("x", usage={"prompt_tokens": 1, "completion_tokens": 9})))
    assert isinstance(error, SamplingError) and "9 tokens where at most 8" in str(error)


@pytest.mark.parametrize(
    ("sampling", "extensions", "told"),
    [
        (SAMPLING, (), {}),  # reasoning models refuse to be told
        (SamplingParams(8, top_p=0.5), (), {"top_p": 0.5}),
        (SAMPLING, ("top_k",), {"top_p": 1.0, "top_k": -1}),  # such servers have defaults of the model's
        (SamplingParams(8, top_k=3), ("top_k",), {"top_p": 1.0, "top_k": 3}),
    ],
)
def test_what_is_told_of_the_nucleus(sampling, extensions, told):
    _, ((_, asked),) = one(GOOD, sampling, extensions=extensions)
    assert {name: asked[name] for name in ("top_p", "top_k") if name in asked} == told


def test_an_endpoint_that_disregards_the_number_of_answers_is_found_out():
    error, requests = one(GOOD, SamplingParams(8, temperature=1.0, num_samples=2))
    assert isinstance(error, SamplingError) and "asked for 2 answers (n) and gave 1" in str(error)
    assert len(requests) == 1


def test_log_probabilities_that_are_no_numbers_are_an_error():
    choice = {
        "message": {"content": "a"},
        "finish_reason": "stop",
        "logprobs": {"content": [{"logprob": float("nan")}]},
    }
    error, requests = one(Reply(200, json.dumps({"choices": [choice]})), log_probs=True)
    assert isinstance(error, SamplingError) and "finite numbers, and the endpoint gave (nan,)" in str(error)
    assert len(requests) == 1


def test_an_answer_whose_stop_string_is_cut_has_no_log_probabilities():
    choice = {"message": {"content": "a\nb"}, "finish_reason": "stop", "logprobs": {"content": [{"logprob": -1}]}}
    sampling = SamplingParams(8, stop_strings=("\n",))
    response, _ = one(Reply(200, json.dumps({"choices": [choice]})), sampling, log_probs=True)
    assert (response.text, response.sequences[0].log_probs) == ("a", None)


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
        ({"timeout_s": "5"}, "timeout_s must be a number, found '5'"),
        ({"base_url": "localhost:8000/v1"}, "must begin with http:// or https://.* found 'localhost:8000/v1/'"),
        ({"base_url": "htp://here/v1"}, "must begin with http://"),
        ({"base_url": "http:///v1"}, "name a host"),
        ({"base_url": 5}, "cannot be asked"),
        ({"max_concurrent": 0}, "max_concurrent"),
        ({"token_limit": "max"}, "token_limit"),
        ({"extensions": ("min_p",)}, "extensions may be"),
        ({"extensions": "top_k"}, "extensions must be several names; found one, 'top_k'"),
        ({"system": "x", "chat": False}, "part of a chat"),
    ],
)
def test_arguments_are_checked(arguments, says):
    with pytest.raises(ArgumentError, match=says):
        OpenAIClient(**{"model": "tiny", "api_key": "none", **arguments})


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
