"""How tests ask an endpoint."""

from __future__ import annotations

import asyncio

from evalkit.inference.sampling import SamplingParams
from evalkit.sampling import OpenAIClient, Retrying
from tests.sampling.server import Reply, chat_body, serving

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
