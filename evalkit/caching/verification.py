"""Reading every byte of an offline cache, to see whether it is what was written."""

from __future__ import annotations

import os
from collections.abc import Iterable

import tensorflow as tf

from evalkit.data.cache_checks import changes_since
from evalkit.data.cache_files import cached_splits, completed_path, read_stats, task_folder
from evalkit.data.cache_manifest import read_manifest
from evalkit.data.cached_source import CachedDataSource
from evalkit.data.sources.tensorflow_messages import sentence
from evalkit.data.task import Task
from evalkit.errors import CacheError, FingerprintError


def splits_to_verify(task: Task, output_dir: str, splits: Iterable[str] | None = None) -> list[str]:
    """The splits of the cache of `task` in a cache directory, of those that are wanted; none if there is no cache."""
    folder = os.path.join(output_dir, task_folder(task.name))
    if not tf.io.gfile.exists(completed_path(folder)):
        return []
    found = cached_splits(folder)
    return found if splits is None else [split for split in splits if split in found]


def problems_of(task: Task, output_dir: str, split: str) -> list[str]:
    """What is wrong with a cached split, in words that name the files; empty if nothing is.

    Checksums are compared, and the task with the one that was cached. Where there is no manifest (seqio's caches), all
    records are read, which carry a checksum each, and counted.
    """
    folder = os.path.join(output_dir, task_folder(task.name))
    try:
        manifest = read_manifest(task.name, folder, split)
        source = CachedDataSource(task.name, folder, split)
        if manifest is not None:
            return manifest.damage(folder, contents=True) + changes_since(task, manifest)
        expected = int(read_stats(task.name, folder, split)["examples"])
    except (CacheError, FingerprintError) as error:
        return [str(error)]
    return _problems_of_records(source.list_shards(split), expected)


def _problems_of_records(paths: Iterable[str], expected: int) -> list[str]:
    problems, count = [], 0
    for path in paths:
        try:
            count += sum(len(batch) for batch in tf.data.TFRecordDataset(path).batch(1024).as_numpy_iterator())
        except tf.errors.OpError as error:
            problems.append(f"{path} cannot be read ({sentence(error.message)})")
    if not problems and count != expected:
        problems.append(f"the files have {count:,} examples instead of {expected:,}")
    return problems
