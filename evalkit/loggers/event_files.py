"""TensorBoard's event files: records of serialized events, each with checksums.

The format is TensorFlow's (`tensorflow/core/lib/io/record_writer.h`): length as uint64, masked CRC-32C of the length,
data, masked CRC-32C of the data, all little-endian. Writing it here needs neither TensorFlow nor a thread: the records
of one logger call are appended with one write, and a write that fails leaves the file as it was.
"""

from __future__ import annotations

import abc
import functools
import itertools
import os
import socket
import struct
import time
from collections.abc import Iterable
from pathlib import Path
from typing import IO, final

import numpy as np
from tensorboard.compat.proto.event_pb2 import Event

from evalkit.columns import Array
from evalkit.loggers.directories import path_below
from evalkit.loggers.files import Files, LocalFiles, append_or_undo

BLOCK = 512
"""Bytes whose checksum is computed at once; the tables take 1 KiB for each."""

_numbers = itertools.count()


class EventWriter(abc.ABC):
    """Where the events of one task go."""

    @abc.abstractmethod
    def write(self, events: Iterable[bytes]) -> None:
        """Writes the serialized events; when it returns the operating system has them.

        Raises:
          OSError: they could not be written; the files are as they were.
        """

    @abc.abstractmethod
    def close(self) -> None:
        """Lets go of the open file."""


@final
class EventFile(EventWriter):
    """One local file, made with the first events and kept open."""

    def __init__(self, directory: str) -> None:
        """Takes the directory, which is made if need be."""
        self._directory = directory
        self._file: IO[bytes] | None = None

    def write(self, events: Iterable[bytes]) -> None:
        """See `EventWriter`."""
        content = b"".join(map(record, events))
        if self._file is not None:
            append_or_undo(self._file, content)
            return
        LocalFiles().make_directory(self._directory)
        path = Path(self._directory, _new_name())
        file = path.open("xb", buffering=0)
        try:
            append_or_undo(file, record(first_event()) + content)
        except BaseException:
            file.close()
            path.unlink()
            raise
        self._file = file

    def close(self) -> None:
        """See `EventWriter`; further events begin a new file."""
        if self._file is not None:
            self._file.close()
            self._file = None


@final
class EventObjects(EventWriter):
    """A file of its own for each write, for stores where nothing can be appended; TensorBoard reads them in order."""

    def __init__(self, files: Files, directory: str) -> None:
        """Takes the store, and the directory in it."""
        self._files = files
        self._directory = directory

    def write(self, events: Iterable[bytes]) -> None:
        """See `EventWriter`."""
        self._files.make_directory(self._directory)
        with self._files.replacing(path_below(self._directory, _new_name())) as file:
            file.write(b"".join(map(record, [first_event(), *events])))

    def close(self) -> None:
        """See `EventWriter`: nothing is open."""


def _new_name() -> str:
    """A name that TensorBoard takes for an event file, later ones behind earlier ones, as it reads them."""
    now = f"{time.time():017.6f}"
    return f"events.out.tfevents.{now}.{socket.gethostname()}.{os.getpid()}.{next(_numbers):06d}"


def first_event() -> bytes:
    """What an event file begins with: the version of its format."""
    serialized: bytes = Event(wall_time=time.time(), file_version="brain.Event:2").SerializeToString()
    return serialized


def record(data: bytes) -> bytes:
    """One record of an event file."""
    return b"".join((_header(len(data)), data, _checksum(data)))


@functools.lru_cache(maxsize=1024)  # scalars have few different lengths, and a checksum costs more than their event
def _header(length: int) -> bytes:
    data = struct.pack("<Q", length)
    return data + _checksum(data)


def _checksum(data: bytes) -> bytes:
    crc = crc32c(data)
    return struct.pack("<I", (((crc >> 15) | (crc << 17)) + 0xA282EAD8) & 0xFFFFFFFF)


def crc32c(data: bytes) -> int:
    """The Castagnoli checksum (RFC 3720, appendix B.4) of the data.

    A CRC is linear: every byte contributes independently of the others, by its value and its distance from the end. So
    a block's checksum is a look-up in one table per distance, and an exclusive or over all of it.

    >>> hex(crc32c(b"123456789"))
    '0xe3069283'
    """
    tables, distances = _tables()
    crc = 0xFFFFFFFF
    values = np.frombuffer(data, np.uint8)
    for start in range(0, len(data), BLOCK):
        block = values[start : start + BLOCK].astype(np.intp)
        state = crc.to_bytes(4, "little")[: len(block)]
        block[: len(state)] ^= np.frombuffer(state, np.uint8)
        contributions = tables.take(block + distances[-len(block) :])
        crc = int(np.bitwise_xor.reduce(contributions)) ^ (crc >> 8 * len(block))
    return crc ^ 0xFFFFFFFF


@functools.cache
def _tables() -> tuple[Array, Array]:
    """The contribution of each byte value at each distance from the end, flat, and where a distance's table begins."""
    table: Array = np.arange(256, dtype=np.uint32)
    for _ in range(8):
        table = (table >> 1) ^ np.where(table & 1, np.uint32(0x82F63B78), np.uint32(0))
    tables = [table]
    for _ in range(BLOCK - 1):
        tables.append((tables[-1] >> 8) ^ table[tables[-1] & 0xFF])
    return np.concatenate(tables), np.arange(BLOCK - 1, -1, -1) * 256
