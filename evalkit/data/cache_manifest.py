"""The manifest of a cached split: of what its examples were made, and what its files are.

seqio finds a cache by the name of its task, whatever has become of the task since. A cache that evalkit wrote has, for
each split, `manifest.<split>.json` with the `TaskFingerprint` of what made the examples, and the size and SHA-256 of
each file. Opening the cache compares the fingerprint and the sizes, which costs no more than a look into the folder;
`damage` with `contents=True` reads every byte.
"""

from __future__ import annotations

import concurrent.futures
import dataclasses
import functools
import hashlib
import os
from collections.abc import Mapping
from typing import Any, final

import tensorflow as tf

from evalkit import errors
from evalkit.data.cache_files import manifest_path, read_info, read_json
from evalkit.data.fingerprint import TaskFingerprint
from evalkit.data.sources.tensorflow_messages import sentence

FORMAT = 1
"""Of the manifest; one of another format is refused."""

WRITER_KEY = "evalkit_version"
"""Stands in the info file of a split that evalkit wrote, and which therefore has a manifest."""

_BLOCK = 1 << 20
_THREADS = 16


@final
@dataclasses.dataclass(frozen=True)
class CachedFile:
    """What a file must be: its size in bytes and the SHA-256 of its content, in hexadecimal digits."""

    size: int
    sha256: str

    @classmethod
    def of(cls, path: str) -> CachedFile:
        """What the file at `path` is.

        Raises:
          tf.errors.OpError: it cannot be read.
        """
        digest, size = hashlib.sha256(), 0
        with tf.io.gfile.GFile(path, "rb") as file:
            while block := file.read(_BLOCK):
                digest.update(block)
                size += len(block)
        return cls(size, digest.hexdigest())


@final
@dataclasses.dataclass(frozen=True)
class CacheManifest:
    """What is known of one cached split.

    Attributes:
      task_name: the task whose cache it is.
      split: the split.
      seed: from which the seeds of random preprocessors were made; None: from the name of the task alone.
      fingerprint: of what the examples were made of.
      files: the files of the split, by name.
    """

    task_name: str
    split: str
    seed: int | None
    fingerprint: TaskFingerprint
    files: Mapping[str, CachedFile]

    def to_json(self) -> dict[str, Any]:
        """Plain values, to be stored in the folder."""
        return {**dataclasses.asdict(self), "format": FORMAT}

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> CacheManifest:
        """Reads what `to_json` gave.

        Raises:
          CacheError: the values are not those of a manifest of this format.
        """
        if values.get("format") != FORMAT:
            raise errors.CacheError(f"it has format {values.get('format')!r}, this evalkit reads format {FORMAT}")
        try:
            return cls(
                task_name=str(values["task_name"]),
                split=str(values["split"]),
                seed=None if values["seed"] is None else int(values["seed"]),
                fingerprint=TaskFingerprint.from_json(values["fingerprint"]),
                files={name: CachedFile(int(file["size"]), file["sha256"]) for name, file in values["files"].items()},
            )
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise errors.CacheError(f"{type(error).__name__}: {error}") from error

    def damage(self, cache_dir: str, contents: bool = False) -> list[str]:
        """What is wrong with the files in `cache_dir`, in words that name each file; empty if nothing is.

        Args:
          cache_dir: the folder.
          contents: whether to read the files and compare checksums, besides sizes.
        """
        check = functools.partial(_damage_of_file, contents=contents)
        paths = [os.path.join(cache_dir, name) for name in self.files]
        with concurrent.futures.ThreadPoolExecutor(_THREADS) as pool:  # asking a remote folder takes some time each
            return [problem for problem in pool.map(check, paths, self.files.values()) if problem]


def _damage_of_file(path: str, expected: CachedFile, contents: bool) -> str | None:
    try:
        size = tf.io.gfile.stat(path).length
        if size != expected.size:
            return f"{path} has {size:,} bytes instead of {expected.size:,}"
        if contents and CachedFile.of(path) != expected:
            return f"{path} was changed after it was written (its SHA-256 differs)"
    except tf.errors.NotFoundError:
        return f"{path} is missing"
    except tf.errors.OpError as error:
        return f"{path} cannot be read ({sentence(error.message)})"
    return None


def read_manifest(task_name: str, cache_dir: str, split: str) -> CacheManifest | None:
    """The manifest of a cached split; None where the split was written by another program than evalkit: by seqio.

    Raises:
      CacheError: the split was not cached; or evalkit wrote it, and the manifest is missing or damaged.
    """
    info = read_info(task_name, cache_dir, split)
    path = manifest_path(cache_dir, split)
    if WRITER_KEY not in info and not tf.io.gfile.exists(path):
        return None
    values = read_json(task_name, path, split, "Manifests")
    try:
        return CacheManifest.from_json(values)
    except errors.CacheError as error:
        raise errors.CacheError(
            f"The cache of task {task_name!r}, split {split!r}: {path} is no manifest: {error}. Cache the split again."
        ) from error
