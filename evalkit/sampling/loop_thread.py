"""An event loop in a thread of its own, for what belongs to one loop and is wanted from any."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Coroutine
from concurrent.futures import Future
from typing import Any, TypeVar, final

T = TypeVar("T")


@final
class LoopThread:
    """Runs coroutines; the thread begins with the first one."""

    def __init__(self, name: str) -> None:
        """Starts nothing.

        Args:
          name: of the thread.
        """
        self._name = name
        self._starting = threading.Lock()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread: threading.Thread | None = None

    def submit(self, coroutine: Coroutine[Any, Any, T]) -> Future[T]:
        """Runs a coroutine; cancelling the future cancels it. From any thread."""
        with self._starting:
            if self._loop is None:
                self._loop = asyncio.new_event_loop()
                # A daemon: a program whose client was never closed ends all the same.
                self._thread = threading.Thread(target=self._loop.run_forever, name=self._name, daemon=True)
                self._thread.start()
            return asyncio.run_coroutine_threadsafe(coroutine, self._loop)

    async def aclose(self, last: Coroutine[Any, Any, Any]) -> None:
        """Waits for all that runs, then for `last`, and ends the thread."""
        await asyncio.wrap_future(self.submit(self._rest(last)))
        await asyncio.to_thread(self._stop)

    async def _rest(self, last: Coroutine[Any, Any, Any]) -> None:
        others = asyncio.all_tasks() - {asyncio.current_task()}
        await asyncio.gather(*others, return_exceptions=True)
        await last

    def _stop(self) -> None:
        with self._starting:
            loop, thread = self._loop, self._thread
            self._loop = self._thread = None
        if loop is not None and thread is not None:
            loop.call_soon_threadsafe(loop.stop)
            thread.join()
            loop.close()
