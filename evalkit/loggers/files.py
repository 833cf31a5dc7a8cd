"""Files that are whole at any moment, whatever interrupts the process that writes them.

Two ways of writing are enough for logs. A file that is finished once is written under a temporary name and renamed. A
file that grows by a line a step is appended to with one write, so a line is there or not; should a machine have
stopped in the middle of one, the next append drops the broken part.
"""

from __future__ import annotations

import abc
import contextlib
import errno
import json
import os
from collections.abc import Iterator
from contextlib import AbstractContextManager
from typing import IO, final

from absl import logging

TAIL = 64 * 1024
"""Bytes read at a time when looking for the last line end."""


class Files(abc.ABC):
    """What loggers ask of a file system; every method raises OSError where it cannot."""

    @abc.abstractmethod
    def make_directory(self, path: str) -> None:
        """Makes the directory and those above it, if need be, and checks that files can be made in it."""

    @abc.abstractmethod
    def append_line(self, path: str, line: bytes) -> None:
        """Appends `line`, which ends with a line feed, to a file of lines of JSON: the whole line or nothing."""

    @abc.abstractmethod
    def replacing(self, path: str) -> AbstractContextManager[IO[bytes]]:
        """A new file that takes the place of `path` when the block ends; after an exception `path` is as it was."""


@final
class LocalFiles(Files):
    """The file systems of this machine."""

    def make_directory(self, path: str) -> None:
        """See `Files`."""
        os.makedirs(path, exist_ok=True)
        if not os.access(path, os.W_OK | os.X_OK):
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), path)

    def append_line(self, path: str, line: bytes) -> None:
        """See `Files`."""
        with open(path, "a+b", buffering=0) as file:
            separator = _repair_last_line(file, path)
            append_or_undo(file, separator + line)

    @contextlib.contextmanager
    def replacing(self, path: str) -> Iterator[IO[bytes]]:
        """See `Files`."""
        temporary = f"{path}.{os.getpid()}.tmp"
        try:
            with open(temporary, "wb") as file:
                yield file
            os.replace(temporary, path)
        except BaseException:  # an interrupt too must leave no temporary file
            with contextlib.suppress(OSError):
                os.remove(temporary)
            raise


def append_or_undo(file: IO[bytes], data: bytes) -> None:
    """Appends `data` to an unbuffered file, or leaves the file at the length that it had.

    Raises:
      OSError: the data could not be written; the file is as it was.
    """
    size = file.seek(0, os.SEEK_END)
    rest = memoryview(data)
    try:
        while rest:  # a disk that fills up takes a part first and fails with the next write
            rest = rest[file.write(rest) :]
    except BaseException:
        with contextlib.suppress(OSError):
            file.truncate(size)
        raise


def _repair_last_line(file: IO[bytes], path: str) -> bytes:
    """Drops a last line that was cut; returns what must precede the next (a line feed, if only that is missing)."""
    end = file.seek(0, os.SEEK_END)
    tail = b""
    while end and b"\n" not in tail:
        start = max(0, end - TAIL)
        file.seek(start)
        tail, end = file.read(end - start) + tail, start
    cut = tail[tail.rfind(b"\n") + 1 :]
    if not cut:
        return b""
    try:
        json.loads(cut)
        return b"\n"
    except ValueError:
        logging.warning("%s ended in the middle of a line; its last %d bytes are dropped.", path, len(cut))
        file.truncate(file.seek(0, os.SEEK_END) - len(cut))
        return b""
