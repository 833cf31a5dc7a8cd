"""Who computes what: one process at a time for each key, and nobody is waited for who has died.

A claim is a lock on one byte of a file, at a place that the key says. The system releases it when the process ends,
however it ends. Locks belong to the file as it was opened, so two caches in one process respect each other, too; and a
process that is forked off, which would have the same file open, closes it at once.
"""

from __future__ import annotations

import asyncio
import contextlib
import errno
import fcntl
import os
import struct
import threading
import weakref
from collections.abc import Iterator
from pathlib import Path
from typing import final

from evalkit.errors import CacheError

_PLACES = 2**62
_FIRST_LOOK_S, _LONGEST_LOOK_S = 0.002, 0.05
_FLOCK = "hhqqi4x"  # type, whence, start, length, process: `struct flock` where these locks exist


@final
class Claims:
    """Claims on keys, through a file that all processes open."""

    def __init__(self, path: Path) -> None:
        """Opens the file, which it makes if it is missing.

        Raises:
          CacheError: it cannot be opened.
        """
        self._path, self._guard = path, threading.Lock()
        try:
            self._file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o666)
        except OSError as error:
            raise CacheError(f"The file of locks {path} cannot be opened: {error}.") from error
        _OPEN.add(self)

    @property
    def closed(self) -> bool:
        """Whether no claims can be made: after `close`, and in a process that was forked off since."""
        return self._file < 0

    async def claim(self, key: bytes) -> None:
        """Waits until no other process, and no other cache, has a claim on the key, and has one until `release`.

        Raises:
          CacheError: these claims are closed, or the file cannot be locked.
        """
        place, pause = _place(key), _FIRST_LOOK_S
        while not self._lock(place, fcntl.F_WRLCK, wait=False):
            await asyncio.sleep(pause)
            pause = min(2 * pause, _LONGEST_LOOK_S)

    def release(self, key: bytes) -> None:
        """Gives a claim up, if there is one."""
        if not self.closed:
            with contextlib.suppress(CacheError):  # closed by another thread since, and with it the claim is gone
                self._lock(_place(key), fcntl.F_UNLCK, wait=False)

    @contextlib.contextmanager
    def alone(self) -> Iterator[None]:
        """Waits until nobody else is inside.

        Raises:
          CacheError: these claims are closed, or the file cannot be locked.
        """
        self._lock(_PLACES, fcntl.F_WRLCK, wait=True)
        try:
            yield
        finally:
            self._lock(_PLACES, fcntl.F_UNLCK, wait=False)

    def close(self) -> None:
        """Gives all claims up. Closing twice is fine."""
        with self._guard:
            self._forget()

    def after_fork(self) -> None:
        """Closes the file of a process that was forked off: as long as it were open there, claims would outlive the
        process that made them.
        """
        self._guard = threading.Lock()  # whoever had the other one is not in this process
        self._forget()

    def _forget(self) -> None:
        if self._file >= 0:
            os.close(self._file)
        self._file = -1
        _OPEN.discard(self)

    def _lock(self, place: int, kind: int, *, wait: bool) -> bool:
        command = fcntl.F_OFD_SETLKW if wait else fcntl.F_OFD_SETLK
        with self._guard:
            if self.closed:
                raise CacheError(f"The file of locks {self._path} is closed, and with it the response cache.")
            try:
                fcntl.fcntl(self._file, command, struct.pack(_FLOCK, kind, os.SEEK_SET, place, 1, 0))
            except OSError as error:
                if error.errno in (errno.EAGAIN, errno.EACCES):
                    return False
                raise CacheError(
                    f"{self._path} cannot be locked: {error}. A response cache must be on a disk of this machine."
                ) from error
        return True


_OPEN: weakref.WeakSet[Claims] = weakref.WeakSet()


def _close_in_child() -> None:
    for claims in list(_OPEN):
        claims.after_fork()


os.register_at_fork(after_in_child=_close_in_child)


def _place(key: bytes) -> int:
    return int.from_bytes(key[:8]) % _PLACES
