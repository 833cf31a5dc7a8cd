"""Where the arrays of columns live: in memory, or in a folder from which they are memory-mapped.

A column is written in parts, as batches of examples come in, and read as one array; the two storages differ in nothing
else, so that a data set too large for memory takes the same way through the house as a small one.
"""

from __future__ import annotations

import abc
from pathlib import Path
from typing import final

import numpy as np

from evalkit.columns import Array

ALIGNMENT = 64
"""Bytes. TensorFlow reads an array without copying it only if it begins at a multiple of this (Eigen's alignment)."""


class ArrayStorage(abc.ABC):
    """Arrays by name, each appended to in parts and then finished."""

    @abc.abstractmethod
    def append(self, name: str, part: Array) -> None:
        """Adds the elements of `part` (any shape, flattened) behind those that `name` has already."""

    @abc.abstractmethod
    def finish(self, name: str) -> Array:
        """The one-dimensional array of everything appended to `name`; nothing can be appended after."""


@final
class MemoryStorage(ArrayStorage):
    """Arrays in memory, aligned so that TensorFlow shares them."""

    def __init__(self) -> None:
        self._parts: dict[str, list[Array]] = {}

    def append(self, name: str, part: Array) -> None:
        """See `ArrayStorage`; keeps a reference to `part`, which the caller must not change."""
        self._parts.setdefault(name, []).append(part.reshape(-1))

    def finish(self, name: str) -> Array:
        """See `ArrayStorage`; the parts are let go."""
        parts = self._parts.pop(name)
        whole = aligned_empty(sum(part.size for part in parts), parts[0].dtype)
        return np.concatenate(parts, out=whole)


@final
class FolderStorage(ArrayStorage):
    """Arrays in files of one folder, `<name>.bin` each, holding the elements and nothing else."""

    def __init__(self, folder: Path) -> None:
        """Writes into `folder`, which exists."""
        self._folder = folder
        self._files: dict[str, tuple[Path, np.dtype[np.generic]]] = {}

    def append(self, name: str, part: Array) -> None:
        """See `ArrayStorage`."""
        path, dtype = self._files.setdefault(name, (self._folder / f"{name}.bin", part.dtype))
        with path.open("ab") as file:
            file.write(np.ascontiguousarray(part, dtype).data)

    def finish(self, name: str) -> Array:
        """See `ArrayStorage`; the array is mapped from its file, page by page as it is used."""
        return map_array(*self._files.pop(name))


def aligned_empty(size: int, dtype: np.dtype[np.generic]) -> Array:
    """An uninitialised array of `size` elements beginning at a multiple of `ALIGNMENT` bytes."""
    block = np.empty(size * dtype.itemsize + ALIGNMENT, np.uint8)
    start = -block.ctypes.data % ALIGNMENT
    return block[start : start + size * dtype.itemsize].view(dtype)


def map_array(path: Path, dtype: np.dtype[np.generic]) -> Array:
    """The file's elements, mapped copy-on-write: TensorFlow shares no read-only memory, and nobody writes."""
    if path.stat().st_size == 0:
        return np.empty(0, dtype)  # an empty file cannot be mapped
    return np.memmap(path, dtype, mode="c")
