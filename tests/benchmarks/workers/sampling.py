"""A live model of the size of GPT-2 small that 64 ask at a time, beside one who asks it alone; and the response cache.

Who asks alone does so twice: as clients are by default, and with a client that waits for no company (`linger_s` is 0),
so that the moment which batching costs a lone request does not count for batching.
"""

from __future__ import annotations

import asyncio
import statistics
import tempfile
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np

from evalkit.demo import cached_model
from evalkit.inference.engine import Engine
from evalkit.inference.linen_model import linen_model
from evalkit.inference.sampling import SamplingParams
from evalkit.sampling import CachedClient, LiveModelClient, ResponseCache
from evalkit.sampling.client import SampleRequest
from evalkit.sampling.responses_json import response_key
from tests.benchmarks import measure

ASKERS, ROUNDS, ALONE, RESPONSES = 64, 2, 16, 20_000
VOCABULARY, LENGTH, WIDTH, LAYERS, HEADS = 50_304, 128, 768, 12, 12
SAMPLING = SamplingParams(64)


def main() -> None:
    asked = measure.request()
    module = cached_model.CachedLanguageModel(VOCABULARY, LENGTH, width=WIDTH, num_layers=LAYERS, num_heads=HEADS)
    params = jax.jit(module.init)(jax.random.key(0), jnp.zeros((1, LENGTH), jnp.int32))
    engine = Engine(
        linen_model(module, methods=cached_model.METHODS, vocab_size=VOCABULARY, max_length=LENGTH, bos_id=1)
    )
    drawn = np.random.default_rng(0)
    prompts = [drawn.integers(3, VOCABULARY, drawn.integers(8, 65)).tolist() for _ in range(ASKERS * ROUNDS)]
    fills: list[float] = []
    speeds: dict[str, list[float]] = {"speed": [], "unlingering": []}
    for turn in range(asked["times"] + 1):
        fill, many = asyncio.run(_seconds(LiveModelClient(engine, params), prompts, ASKERS))
        _, alone = asyncio.run(_seconds(LiveModelClient(engine, params), prompts[:ALONE], 1))
        _, bare = asyncio.run(_seconds(LiveModelClient(engine, params, linger_s=0), prompts[:ALONE], 1))
        if turn:  # the first one compiles
            fills.append(fill)
            speeds["speed"].append(alone * len(prompts) / ALONE / many)
            speeds["unlingering"].append(bare * len(prompts) / ALONE / many)
    measure.reply(
        {
            "fill": statistics.median(fills),
            **{name: statistics.median(values) for name, values in speeds.items()},
            **asyncio.run(_cache_figures(LiveModelClient(engine, params, fingerprint="benchmark"))),
        }
    )


async def _seconds(client: LiveModelClient, prompts: list[list[int]], askers: int) -> tuple[float, float]:
    """Mean batch fill, and seconds until so many askers, each with one request at a time, have all answers."""
    waiting = iter(enumerate(prompts))

    async def ask() -> None:
        for number, prompt in waiting:
            await client.sample(prompt, SAMPLING, example=number)

    async with client:
        with measure.Stopwatch() as watch:
            await asyncio.gather(*(ask() for _ in range(askers)))
        return client.work.mean_fill, watch.wall


async def _cache_figures(client: LiveModelClient) -> dict[str, float]:
    texts = [tuple(range(3, 3 + number % 40)) for number in range(RESPONSES)]
    with tempfile.TemporaryDirectory(prefix="evalkit-bench-") as folder, ResponseCache(Path(folder) / "r") as cache:
        async with CachedClient(client, cache) as cached:
            same = await asyncio.gather(*(cached.sample([5, 6, 7], SAMPLING) for _ in range(8)))
            computed = client.work.answers
            keys = [
                response_key(client.identity, SampleRequest(text, SAMPLING, number))
                for number, text in enumerate(texts)
            ]
            with measure.Stopwatch() as writing:
                cache.put([(key, same[0]) for key in keys]).result()
            with measure.Stopwatch() as reading:
                for number, text in enumerate(texts):
                    await cached.sample(text, SAMPLING, example=number)
    return {"computed": computed, "writes": RESPONSES / writing.wall, "hits": RESPONSES / reading.wall}


if __name__ == "__main__":
    main()
