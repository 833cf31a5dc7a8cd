"""A disk that is full for a while: the limit on the size of files does the same, and writing fails in the middle."""

from __future__ import annotations

import contextlib
import resource
import signal
from collections.abc import Callable, Iterator


@contextlib.contextmanager
def fillable_disk() -> Iterator[Callable[[int | None], None]]:
    """Gives a function that says how long files may become, in bytes; None is as long as before."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)

    def allow(size: int | None) -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, before if size is None else (size, before[1]))

    try:
        yield allow
    finally:
        allow(None)
        signal.signal(signal.SIGXFSZ, handler)
