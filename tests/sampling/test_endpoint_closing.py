"""Requests that race with the end of a client, and credentials that must not end in logs."""

from __future__ import annotations

import asyncio
import json
import threading

import pytest

from evalkit.errors import SamplingError
from evalkit.sampling import OpenAIClient
from tests.sampling.asking import QUICK, SAMPLING
from tests.sampling.server import Reply, chat_body, serving

pytest.importorskip("openai", reason="needs the openai package: pip install 'evalkit[openai]'")

SLOW = Reply(200, chat_body("late"), wait_s=0.3)


def client_of(served, **arguments):
    return OpenAIClient("closing", base_url=served.base_url, api_key="none", retrying=QUICK, **arguments)


class Asking(threading.Thread):
    """Asks from a thread and an event loop of its own."""

    def __init__(self, client, prompt):
        super().__init__(daemon=True)
        self.client, self.prompt, self.found = client, prompt, None
        self.start()

    def run(self):
        async def sample():
            return await asyncio.wait_for(self.client.sample(self.prompt, SAMPLING), 20)

        try:
            self.found = asyncio.run(sample())
        except Exception as error:  # noqa: BLE001 - the test looks at it
            self.found = error


class Dawdling(list):
    """Ids that are not read before it is allowed."""

    def __init__(self, ids):
        super().__init__(ids)
        self.begun, self.allowed = threading.Event(), threading.Event()

    def __iter__(self):
        self.begun.set()
        self.allowed.wait()
        return super().__iter__()


def under_way(served):
    while not served.requests:
        threading.Event().wait(0.005)


def threads():
    return [thread for thread in threading.enumerate() if thread.name == "evalkit-closing"]


def test_who_asks_while_another_thread_has_closed_the_client_is_told():
    with serving(lambda number, asked: SLOW) as served:
        client, prompt = client_of(served, chat=False), Dawdling([1])
        late = Asking(client, prompt)
        prompt.begun.wait()
        asyncio.run(client.aclose())
        prompt.allowed.set()
        late.join()
    assert isinstance(late.found, SamplingError) and "closed" in str(late.found)
    assert not served.requests and not threads()


def test_who_asks_while_another_thread_is_closing_the_client_is_told_and_who_asked_before_is_answered():
    body = json.dumps({"choices": [{"text": "late", "index": 0, "finish_reason": "stop"}]})
    with serving(lambda number, asked: Reply(200, body, wait_s=0.3)) as served:
        client, prompt = client_of(served, chat=False), Dawdling([1])
        first = Asking(client, "first")
        under_way(served)
        second = Asking(client, prompt)
        prompt.begun.wait()
        closing = threading.Thread(target=lambda: asyncio.run(client.aclose()))
        closing.start()
        closing.join(0.1)
        prompt.allowed.set()
        for thread in (second, first, closing):
            thread.join()
    assert first.found.text == "late"
    assert isinstance(second.found, SamplingError) and "closed" in str(second.found)
    assert not threads()


def test_a_close_that_is_given_up_costs_nobody_an_answer_and_the_next_one_ends_it():
    async def close(client, seconds):
        await asyncio.wait_for(client.aclose(), seconds)

    with serving(lambda number, asked: SLOW) as served:
        client = client_of(served)
        first = Asking(client, "first")
        under_way(served)
        with pytest.raises(TimeoutError):
            asyncio.run(close(client, 0.05))
        asyncio.run(close(client, 20))
        first.join()
    assert first.found.text == "late"
    assert not threads()


def test_credentials_in_an_address_are_told_to_nobody():
    def named(address):
        return OpenAIClient("tiny", base_url=address, api_key="none", retrying=QUICK)

    with serving(lambda number, asked: Reply(400, "no")) as served:
        address = served.base_url.replace("http://", "http://me:secret@")

        async def ask():
            async with named(address) as client:
                await client.sample("a", SAMPLING)

        with pytest.raises(SamplingError, match="refuses") as caught:
            asyncio.run(ask())
    assert "secret" not in str(caught.value) and "127.0.0.1" in str(caught.value)
    assert named(address).identity == named(served.base_url).identity
