"""What is to be cached: one split of one task, cut into pieces.

A piece is what one worker reads, preprocesses and writes: a shard of the source. It has output files to itself, writes
an example to each in turn, and is written whole or not at all. So which bytes are in which file depends on the plan
alone, not on how many workers there are, who they are, or how often one of them had to begin again.

Until a split is complete, what is known of its pieces stands in a folder of the plan:

    <task folder>/.caching/<split>-<digest of the plan>/piece-00003-of-00008.json
"""

from __future__ import annotations

import dataclasses
import functools
import os
import uuid
from collections.abc import Sequence
from typing import Any, final

from evalkit import errors
from evalkit.data.cache_files import manifest_path, task_folder, tfrecord_path
from evalkit.data.fingerprint import TaskFingerprint, fingerprint
from evalkit.data.task import Task
from evalkit.data.task_fingerprint import cache_fingerprint

WORK_FOLDER = ".caching"
"""In the folder of a task while it is being cached."""

LAYOUT = 1
"""Raised when the same plan would give other bytes, so that no half-written split mixes both."""


@final
@dataclasses.dataclass(frozen=True)
class CacheSettings:
    """How tasks are cached.

    Attributes:
      min_files: each split is written to at least so many files; more of them shuffle better.
      pieces: in how many pieces a split is cut; None: as many as its source lists shards. Beyond that number, pieces of
        a source that cannot be cut finer each read all of it and preprocess every n-th example.
      seed: makes the seeds of random preprocessors; None: the name of the task alone makes them.
      permit_unknown: whether a task is cached of which some part cannot be fingerprinted. Its cache is not refused when
        that part changes.
      modules: that workers import, because they register the tasks.
      tfds_data_dir: where TFDS data is, from then on, in this process and in workers; None: where each task says.
    """

    min_files: int = 64
    pieces: int | None = None
    seed: int | None = None
    permit_unknown: bool = False
    modules: tuple[str, ...] = ()
    tfds_data_dir: str | None = None

    def __post_init__(self) -> None:
        """Checks the numbers.

        Raises:
          ArgumentError: one is less than 1.
        """
        for name in ("min_files", "pieces"):
            value = getattr(self, name)
            if value is not None and value < 1:
                raise errors.ArgumentError(f"{name} must be at least 1, found {value}.")


@final
@dataclasses.dataclass(frozen=True)
class SplitPlan:
    """What is to be cached, and where; workers know no more than this.

    Attributes:
      task_name: of a registered task.
      split: of the task.
      folder: the folder of the task's cache.
      fingerprint: of what the examples are made of.
      num_pieces: in how many pieces the split is cut.
      num_files: how many files the pieces share out between them, at least one each.
      settings: the rest.
      nonce: sets this plan apart from an earlier one that looks the same.
    """

    task_name: str
    split: str
    folder: str
    fingerprint: TaskFingerprint
    num_pieces: int
    num_files: int
    settings: CacheSettings
    nonce: str = ""

    def __str__(self) -> str:
        return f"Task {self.task_name!r}, split {self.split!r}"

    @functools.cached_property
    def work_dir(self) -> str:
        """The folder of this plan."""
        content = (LAYOUT, self.fingerprint.digest, self.num_pieces, self.num_files, self.settings.seed, self.nonce)
        return os.path.join(self.folder, WORK_FOLDER, f"{self.split}-{fingerprint(content)[:16]}")

    @property
    def manifest_path(self) -> str:
        """The manifest of the split."""
        return manifest_path(self.folder, self.split)

    def piece(self, index: int) -> str:
        """A piece, for messages."""
        return f"{self}, piece {index} of {self.num_pieces}"

    def files_of(self, piece: int) -> list[str]:
        """The paths of the files of a piece: every `num_pieces`-th of all."""
        indices = range(piece, self.num_files, self.num_pieces)
        return [tfrecord_path(self.folder, self.split, index, self.num_files) for index in indices]

    def note_path(self, what: str, piece: int) -> str:
        """A file in the folder of this plan about a piece."""
        return os.path.join(self.work_dir, f"{what}-{piece:05d}-of-{self.num_pieces:05d}.json")


def plan_split(task: Task, split: str, output_dir: str, settings: CacheSettings) -> SplitPlan:
    """Plans the caching of `split`.

    Raises:
      ArgumentError: the task has no such split, or does not support caching.
      SourceError: the source is not there, or lists no shards.
      FingerprintError: a part of the task cannot be fingerprinted, and the settings do not permit that.
    """
    if not task.supports_caching:
        raise errors.ArgumentError(
            f"Task {task.name!r} does not support caching. Put a CacheDatasetPlaceholder among its preprocessors."
        )
    shards = _shards(task, split)
    num_pieces = settings.pieces or len(shards)
    found = _fingerprint(task, split, settings)
    return SplitPlan(
        task_name=task.name,
        split=split,
        folder=os.path.join(output_dir, task_folder(task.name)),
        fingerprint=found,
        num_pieces=num_pieces,
        num_files=max(num_pieces, settings.min_files),
        settings=settings,
        nonce=uuid.uuid4().hex if found.unknown_parts else "",  # what was begun may be of something else
    )


def _shards(task: Task, split: str) -> Sequence[Any]:
    if split not in task.splits:
        raise errors.ArgumentError(f"Task {task.name!r} has no split {split!r}, but {', '.join(task.splits)}.")
    shards = task.source.list_shards(split)
    if not shards:
        raise errors.SourceError(f"Task {task.name!r}, split {split!r}: its source {task.source} lists no shards.")
    return shards


def _fingerprint(task: Task, split: str, settings: CacheSettings) -> TaskFingerprint:
    try:
        return cache_fingerprint(task, split, permit_unknown=settings.permit_unknown)
    except errors.FingerprintError as error:
        raise errors.FingerprintError(
            f"{error} Or cache the task with permit_unknown (`evalkit cache --permit_unknown`): its cache will not be "
            "refused when that part changes."
        ) from error
