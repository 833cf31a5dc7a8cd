"""A process that computes for a key, and forks another one that lives on: path, key in hexadecimal digits."""

from __future__ import annotations

import asyncio
import os
import sys
import time

from evalkit.errors import CacheError
from evalkit.sampling import ResponseCache, SampleResponse


def main() -> None:
    cache = ResponseCache(sys.argv[1])

    async def compute() -> SampleResponse:
        child = os.fork()
        if not child:
            try:
                told = str(cache.get(b"k" * 32))
            except CacheError as error:
                told = str(error)
            sys.stdout.write(f"{os.getpid()} {told}\n")
            sys.stdout.flush()
            time.sleep(60)
            os._exit(0)
        await asyncio.sleep(60)
        raise TimeoutError

    asyncio.run(cache.get_or_compute(bytes.fromhex(sys.argv[2]), compute))


if __name__ == "__main__":
    main()
