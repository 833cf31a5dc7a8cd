"""Who computes what: one process at a time for each key, and nobody is waited for who has died.

A claim is a lock on one byte of a file, at a place that the key says. The system releases it when the process ends,
however it ends. Locks belong to the file as it was opened, so two caches in one process respect each other, too.
"""

from __future__ import annotations

import asyncio
import contextlib
import errno
import fcntl
import os
import struct
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import final

_PLACES = 2**62
_FIRST_LOOK_S, _LONGEST_LOOK_S = 0.002, 0.05
_FLOCK = "hhqqi4x"  # type, whence, start, length, process: `struct flock` where these locks exist


@final
class Claims:
    """Claims on keys, through a file that all processes open."""

    def __init__(self, path: Path) -> None:
        """Opens the file, which it makes if it is missing.

        Raises:
          OSError: it cannot be opened.
        """
        self._file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o666)

    @contextlib.asynccontextmanager
    async def claimed(self, key: bytes) -> AsyncIterator[None]:
        """Waits until no other process, and no other cache, has a claim on the key, and has one meanwhile."""
        place, pause = _place(key), _FIRST_LOOK_S
        while not self._lock(place, fcntl.F_WRLCK, wait=False):
            await asyncio.sleep(pause)
            pause = min(2 * pause, _LONGEST_LOOK_S)
        try:
            yield
        finally:
            self._lock(place, fcntl.F_UNLCK, wait=False)

    @contextlib.contextmanager
    def alone(self) -> Iterator[None]:
        """Waits until nobody else is inside."""
        self._lock(_PLACES, fcntl.F_WRLCK, wait=True)
        try:
            yield
        finally:
            self._lock(_PLACES, fcntl.F_UNLCK, wait=False)

    def close(self) -> None:
        """Gives all claims up."""
        os.close(self._file)

    def _lock(self, place: int, kind: int, *, wait: bool) -> bool:
        command = fcntl.F_OFD_SETLKW if wait else fcntl.F_OFD_SETLK
        try:
            fcntl.fcntl(self._file, command, struct.pack(_FLOCK, kind, os.SEEK_SET, place, 1, 0))
        except OSError as error:
            if error.errno in (errno.EAGAIN, errno.EACCES):
                return False
            raise
        return True


def _place(key: bytes) -> int:
    return int.from_bytes(key[:8]) % _PLACES
