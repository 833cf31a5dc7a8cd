"""A process whose threads read, write and compute beside those of others: path, number, threads, rounds."""

from __future__ import annotations

import asyncio
import json
import sys
import threading
from typing import Any

from evalkit.inference.sampling import SamplingParams
from evalkit.sampling import CachedClient, ResponseCache
from tests.sampling.clients import Counting

SAMPLING = SamplingParams(6)


def work(client: CachedClient, rounds: int, errors: list[str]) -> None:
    async def run() -> None:
        for number in range(rounds):
            await client.sample(f"shared {number}", SAMPLING)

    try:
        asyncio.run(run())
    except Exception as error:  # noqa: BLE001 - whoever started this process is told
        errors.append(repr(error))


def main() -> dict[str, Any]:
    path, threads, rounds = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
    client, errors = Counting(pause_s=0.001), []
    with ResponseCache(path) as cache:
        cached = CachedClient(client, cache)
        sys.stdout.write("ready\n")
        sys.stdout.flush()
        sys.stdin.readline()
        running = [threading.Thread(target=work, args=(cached, rounds, errors)) for _ in range(threads)]
        for thread in running:
            thread.start()
        for thread in running:
            thread.join()
    return {"computed": [prompt for prompt, _ in client.asked], "errors": errors}


if __name__ == "__main__":
    sys.stdout.write(json.dumps(main()))
