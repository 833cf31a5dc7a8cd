"""Calls that other threads want made in the training loop.

An accelerator is asked from one thread, that of the training loop, so that evaluation and training take turns instead
of taking each other's time and memory. An evaluator that samples runs on another thread; its calls wait here until the
loop's thread comes by.
"""

from __future__ import annotations

import concurrent.futures
import functools
import queue
import threading
import time
from collections.abc import Callable
from typing import Any, TypeVar, final

from evalkit.errors import ArgumentError

T = TypeVar("T")
Future = concurrent.futures.Future[Any]


@final
class LoopCalls(concurrent.futures.Executor):
    """Calls that wait for the thread of the training loop.

    Attributes:
      seconds: how long calls have taken so far.
      refused: whether there is no loop any more.
    """

    def __init__(self) -> None:
        """Has no calls yet."""
        self.seconds = 0.0
        self._calls: queue.SimpleQueue[tuple[Callable[[], Any], Future] | None] = queue.SimpleQueue()
        self.refused = False
        self._lock = threading.Lock()

    def submit(self, fn: Callable[..., T], /, *args: Any, **kwargs: Any) -> concurrent.futures.Future[T]:
        """Has a call made by the loop's thread; where there is no loop any more, the future holds an ArgumentError."""
        future: concurrent.futures.Future[T] = concurrent.futures.Future()
        with self._lock:
            if self.refused:
                future.set_exception(_refusal())
            else:
                self._calls.put((functools.partial(fn, *args, **kwargs), future))
        return future

    def serve(self, patience_s: float) -> None:
        """Makes the calls that wait, and those that come within so many seconds each."""
        while True:
            try:
                self._make(self._calls.get(timeout=patience_s))
            except queue.Empty:
                return

    def serve_until(self, done: Future) -> None:
        """Makes calls until `done` is."""
        done.add_done_callback(lambda _: self._calls.put(None))
        while not done.done():
            self._make(self._calls.get())

    def refuse(self) -> None:
        """Refuses the calls that wait, and all that will come: nobody would make them."""
        with self._lock:
            self.refused = True
            while not self._calls.empty():
                asked = self._calls.get()
                if asked is not None:
                    asked[1].set_exception(_refusal())

    def _make(self, asked: tuple[Callable[[], Any], Future] | None) -> None:
        if asked is None:  # somebody is done
            return
        call, future = asked
        if not future.set_running_or_notify_cancel():
            return
        begin = time.perf_counter()
        try:
            future.set_result(call())
        except BaseException as error:
            future.set_exception(error)
            if isinstance(error, KeyboardInterrupt | SystemExit):
                raise
        finally:
            self.seconds += time.perf_counter() - begin


def _refusal() -> ArgumentError:
    return ArgumentError("The training loop has ended, and answers no evaluator any more. Call `close()` at its end.")
