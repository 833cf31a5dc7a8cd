"""One process at a time works with a folder; one that ends, however it ends, lets go of it."""

from __future__ import annotations

import contextlib
import fcntl
import os
import socket
from collections.abc import Iterator
from pathlib import Path

from evalkit.errors import InUseError
from evalkit.loggers.directories import errors_of

LOCK = ".sweep.lock"
"""The name of the file that is locked; it says by whom."""


@contextlib.contextmanager
def locked(folder: Path) -> Iterator[None]:
    """No other process works with the folder in the block.

    Raises:
      InUseError: another one does.
      LoggerError: the folder cannot be written.
    """
    with errors_of("A sweep", folder, "results_dir"):
        lock = open(folder / LOCK, "a+b")
    with lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            lock.seek(0)
            holder = lock.read().decode(errors="replace") or "another process"
            raise InUseError(
                f"{folder} is being written by {holder}. Wait until it is done, or choose another results_dir."
            ) from None
        with errors_of("A sweep", folder, "results_dir"):
            lock.truncate(0)
            lock.write(f"process {os.getpid()} on {socket.gethostname()}".encode())
            lock.flush()
        yield
