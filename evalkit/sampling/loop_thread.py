"""An event loop in a thread of its own, for what belongs to one loop and is wanted from any."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Awaitable, Callable, Coroutine
from concurrent.futures import Future
from typing import Any, TypeVar, final

from evalkit.errors import SamplingError

T = TypeVar("T")


async def _nothing() -> None:
    pass


@final
class LoopThread:
    """Runs coroutines until it is closed; the thread begins with the first one."""

    def __init__(self, name: str, last: Callable[[], Awaitable[Any]] = _nothing) -> None:
        """Starts nothing.

        Args:
          name: of the thread.
          last: is run when all else is done, before the thread ends.
        """
        self._name, self._last = name, last
        self._guard = threading.Lock()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread: threading.Thread | None = None
        self._end: Future[None] | None = None

    def submit(self, coroutine: Coroutine[Any, Any, T]) -> Future[T]:
        """Runs a coroutine; cancelling the future cancels it. From any thread.

        Raises:
          SamplingError: the thread is closed, or about to be.
        """
        with self._guard:
            if self._end is not None:
                coroutine.close()
                raise SamplingError("This client is closed; ask before `aclose`, or make another one.")
            return self._submitted(coroutine)

    async def aclose(self) -> None:
        """Waits for all that runs, then for `last`, and ends the thread. From any loop, and as often as one likes; if
        it is cancelled the thread ends all the same, when all that runs is done.
        """
        await asyncio.shield(asyncio.wrap_future(self._ending()))
        await asyncio.to_thread(self._join)

    def close(self) -> None:
        """As `aclose`, for who has no loop."""
        self._ending().result()
        self._join()

    def _ending(self) -> Future[None]:
        """Done when all that ran is. Nothing is submitted after it."""
        with self._guard:
            if self._end is None:
                self._end = self._submitted(self._rest())
                self._end.add_done_callback(self._stop)
            return self._end

    def _submitted(self, coroutine: Coroutine[Any, Any, T]) -> Future[T]:
        if self._loop is None:
            self._loop = asyncio.new_event_loop()
            # A daemon: a program whose client was never closed ends all the same.
            self._thread = threading.Thread(target=self._run, args=(self._loop,), name=self._name, daemon=True)
            self._thread.start()
        return asyncio.run_coroutine_threadsafe(coroutine, self._loop)

    async def _rest(self) -> None:
        while others := asyncio.all_tasks() - {asyncio.current_task()}:
            await asyncio.wait(others)
        await self._last()
        loop = asyncio.get_running_loop()
        await loop.shutdown_asyncgens()
        await loop.shutdown_default_executor()

    def _run(self, loop: asyncio.AbstractEventLoop) -> None:
        try:
            loop.run_forever()
        finally:
            loop.close()

    def _stop(self, _: Future[None]) -> None:
        if self._loop is not None:
            self._loop.call_soon_threadsafe(self._loop.stop)

    def _join(self) -> None:
        if self._thread is not None:
            self._thread.join()
