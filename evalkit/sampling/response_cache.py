"""Responses are kept on disk, so that nothing is computed twice: not later, not at the same time, not elsewhere.

    cache = ResponseCache("runs/responses.sqlite")
    client = CachedClient(OpenAIClient("gpt-4.1-mini"), cache)

Several clients may share a cache, since a response is kept under everything that changes it. Of equal requests at the
same time one is computed, in this process or another one, and the others get its response. Errors are not kept.
"""

from __future__ import annotations

import asyncio
import contextlib
import functools
import os
import threading
from collections.abc import Awaitable, Callable, Iterable
from concurrent.futures import Future
from pathlib import Path
from typing import Self, final

from absl import logging

from evalkit.errors import ArgumentTypeError, CacheError
from evalkit.inference.sampling import SamplingParams
from evalkit.sampling.claims import Claims
from evalkit.sampling.client import Prompt, SampleRequest, SampleResponse, SamplingClient
from evalkit.sampling.response_store import Item, ResponseStore
from evalkit.sampling.responses_json import decoded_response, encoded_response, response_key

_SHOWN = 200


@final
class ResponseCache:
    """Responses by key, in a file that any number of threads and processes use at the same time.

    The file must be on a disk of this machine: SQLite's log does not work over a network. A process that forks opens
    caches of its own afterwards.
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        """Opens the file, which it makes if it is missing; beside it lies another one, for locks.

        Raises:
          CacheError: it is no response cache, damaged, or cannot be opened.
        """
        self._path = Path(path)
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise CacheError(f"The response cache {self._path} cannot be opened: {error}.") from error
        self._claims = Claims(self._path.with_name(self._path.name + ".lock"))
        try:
            self._store = ResponseStore(self._path, self._claims)
        except BaseException:
            self._claims.close()
            raise
        self._flights: dict[bytes, Future[SampleResponse | None]] = {}
        self._boarding = threading.Lock()
        self._closed = self._complained = False

    def get(self, key: bytes) -> SampleResponse | None:
        """The response of a key; None if there is none.

        Raises:
          CacheError: the file is damaged, or the cache is closed.
        """
        self._check_open()
        encoded = self._store.get(key)
        if encoded is None:
            return None
        try:
            return decoded_response(encoded)
        except (ValueError, TypeError) as error:
            raise CacheError(f"The response cache {self._path} is damaged at key {key.hex()}. Delete it.") from error

    def put(self, items: Iterable[tuple[bytes, SampleResponse]]) -> Future[None]:
        """Keeps responses; the future is done when they are in the file, or has a CacheError.

        A response that JSON does not give back as it was (a log-probability that is not finite) is not kept, which is
        logged once.

        Raises:
          CacheError: the cache is closed.
        """
        self._check_open()
        return self._store.put(self._encoded(items))

    async def get_or_compute(self, key: bytes, compute: Callable[[], Awaitable[SampleResponse]]) -> SampleResponse:
        """The response of a key, which is computed if there is none, and by one alone of all who ask for it.

        What `compute` raises reaches all who wait in this process. If the one who computes is cancelled, or its process
        dies, another of those who wait computes. A response that was computed is returned whatever becomes of the file.

        Raises:
          CacheError: the file is damaged, or the cache is closed and nobody computes this response already.
          Exception: whatever `compute` raises.
        """
        while True:
            found = self.get(key)
            if found is not None:
                return found
            with self._boarding:
                flight = self._flights.get(key)
                leads = flight is None
                if flight is None:
                    flight = self._flights[key] = Future()
            if leads:
                return await self._computed(key, flight, compute)
            found = await asyncio.shield(asyncio.wrap_future(flight))
            if found is not None:
                return found

    async def _computed(
        self, key: bytes, flight: Future[SampleResponse | None], compute: Callable[[], Awaitable[SampleResponse]]
    ) -> SampleResponse:
        """Computes for all who wait. If it is cancelled they get None, and one of them is to compute."""
        try:
            await self._claims.claim(key)
            kept = self.get(key)  # another process may have been faster
            found = await compute() if kept is None else kept
            values = self._encoded([(key, found)]) if kept is None else []
        except BaseException as error:
            self._land(key)
            if isinstance(error, Exception):
                flight.set_exception(error)
            else:
                flight.set_result(None)
            raise
        flight.set_result(found)
        written = self._store.put(values)
        written.add_done_callback(functools.partial(self._end, key))  # also if this one is cancelled meanwhile
        with contextlib.suppress(Exception):  # `_end` tells: a full disk must not cost an answer that is there
            await asyncio.shield(asyncio.wrap_future(written))
        return found

    def _end(self, key: bytes, written: Future[None]) -> None:
        self._land(key)
        if (error := written.exception()) is not None:
            self._complain(str(error))

    def _land(self, key: bytes) -> None:
        self._claims.release(key)  # before another one in this process can make the same claim
        with self._boarding:
            del self._flights[key]

    def _encoded(self, items: Iterable[tuple[bytes, SampleResponse]]) -> list[Item]:
        values: list[Item] = []
        for key, response in items:
            encoded = encoded_response(response)
            if encoded is None:
                self._complain(f"JSON does not give back as it is {response!r:.{_SHOWN}}")
            else:
                values.append((key, encoded))
        return values

    def _complain(self, why: str) -> None:
        if not self._complained:
            self._complained = True
            logging.error("Not all responses are kept in %s, which is said once: %s", self._path, why)

    def _check_open(self) -> None:
        if self._closed or self._claims.closed:
            raise CacheError(
                f"The response cache {self._path} is closed, or was opened before this process was forked off. Open "
                "another ResponseCache."
            )

    def close(self) -> None:
        """Writes what is to be written, and closes the file. Closing twice is fine.

        Whoever has a response computed meanwhile gets it, and it is not kept.
        """
        with self._boarding:
            if self._closed or self._claims.closed:
                return
            self._closed = True
        self._store.close()
        self._claims.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()


@final
class CachedClient(SamplingClient):
    """A client whose responses are kept, and taken from where they are kept."""

    def __init__(self, client: SamplingClient, cache: ResponseCache) -> None:
        """Takes both; closing this client closes `client`, and not `cache`, which others may use.

        Raises:
          ArgumentTypeError: one is of another type.
          FingerprintError: the client cannot tell what it is.
        """
        if not isinstance(client, SamplingClient):
            raise ArgumentTypeError(f"client must be a SamplingClient, found {type(client).__name__}.")
        if not isinstance(cache, ResponseCache):
            raise ArgumentTypeError(f"cache must be a ResponseCache, found {type(cache).__name__}.")
        self._client, self._cache = client, cache
        self._identity = client.identity

    @property
    def identity(self) -> str:
        """That of the client."""
        return self._identity

    async def sample(self, prompt: Prompt, sampling: SamplingParams, *, example: int = 0) -> SampleResponse:
        """See `SamplingClient`; also raises CacheError if the cache is damaged or closed."""
        request = SampleRequest(prompt, sampling, example)
        key = response_key(self._identity, request)
        return await self._cache.get_or_compute(
            key, lambda: self._client.sample(request.prompt, request.sampling, example=request.example)
        )

    async def aclose(self) -> None:
        """See `SamplingClient`."""
        await self._client.aclose()
