"""A thread for one job after another, which holds up the end of the process only as long as it is wanted.

The threads of `concurrent.futures` are waited for when the interpreter ends, whatever they do: a metric that hangs
would keep a training that has failed from ending. Here the jobs are waited for, too, unless the executor is abandoned.
"""

from __future__ import annotations

import atexit
import concurrent.futures
import functools
import queue
import threading
import weakref
from collections.abc import Callable
from typing import Any, TypeVar, final

T = TypeVar("T")
Future = concurrent.futures.Future[Any]
_Jobs = queue.SimpleQueue[tuple[Callable[[], Any], Future] | None]

_awaited: weakref.WeakKeyDictionary[threading.Thread, _Jobs] = weakref.WeakKeyDictionary()


@final
class DaemonExecutor(concurrent.futures.Executor):
    """Does one job after another on a thread of its own."""

    def __init__(self, name: str) -> None:
        """Takes the name of the thread, which is started with the first job."""
        self._jobs: _Jobs = queue.SimpleQueue()
        self._thread = threading.Thread(target=_work, args=(self._jobs,), name=name, daemon=True)
        self._last: Future | None = None
        self._accepts = True
        self._lock = threading.Lock()
        weakref.finalize(self, self._jobs.put, None)  # nobody can ask for more: the thread ends behind what it has

    @property
    def unfinished(self) -> Future | None:
        """The last job that was handed in, if it is not done."""
        return None if self._last is None or self._last.done() else self._last

    def submit(self, fn: Callable[..., T], /, *args: Any, **kwargs: Any) -> concurrent.futures.Future[T]:
        """Has a call made behind those that were handed in before.

        Raises:
          RuntimeError: the executor is shut down.
        """
        future: concurrent.futures.Future[T] = concurrent.futures.Future()
        with self._lock:
            if not self._accepts:
                raise RuntimeError("This executor is shut down, and takes no more jobs.")
            if self._last is None:
                self._thread.start()
                _awaited[self._thread] = self._jobs
            self._last = future
            self._jobs.put((functools.partial(fn, *args, **kwargs), future))
        return future

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        """Takes no more jobs. With `wait`, returns when all are done; what is begun cannot be cancelled."""
        del cancel_futures
        with self._lock:
            if self._accepts:
                self._accepts = False
                self._jobs.put(None)
        if wait and self._last is not None:
            # First the job, then the thread: a join that Ctrl-C interrupts would take a running thread for an ended one
            # the next time (https://bugs.python.org/issue45274).
            concurrent.futures.wait([self._last])
            self._thread.join()

    def abandon(self) -> None:
        """Takes no more jobs, and lets the process end while there are some."""
        self.shutdown(wait=False)
        _awaited.pop(self._thread, None)


def before_exit(act: Callable[[], None]) -> None:
    """Has a function called when the interpreter ends, before Python waits for threads; the last one registered first.

    Threads may wait for what nobody does any more, and `atexit` would come too late for them.
    """
    register: Callable[[Callable[[], None]], Any] = getattr(threading, "_register_atexit", atexit.register)
    register(act)


def _work(jobs: _Jobs) -> None:
    while (work := jobs.get()) is not None:
        call, future = work
        try:
            found = call()
        except BaseException as error:  # noqa: BLE001 - the thread must outlive a job; who waits for it is told
            future.set_exception(error)
        else:
            future.set_result(found)
            del found
        del call, future, work  # a job holds outputs of the model


def _finish_jobs() -> None:
    for thread, jobs in list(_awaited.items()):
        jobs.put(None)
        thread.join()


before_exit(_finish_jobs)
