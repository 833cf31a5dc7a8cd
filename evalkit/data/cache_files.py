"""The files of an offline cache: what they are called, and reading those that are JSON.

The layout is seqio's, so its folders are read as they are. Under a cache directory, the task named `a:b` is in the
folder `a/b`, which has

* `COMPLETED`, a file whose content says nothing, written last;
* for each split, `<split>.tfrecord-00000-of-00002` …, `info.<split>.json` (features, number of these files) and
  `stats.<split>.json` (number of examples, of tokens …);
* where evalkit wrote it, `manifest.<split>.json` for each split, see `cache_manifest`.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Mapping
from typing import Any

import tensorflow as tf

from evalkit import errors
from evalkit.data.sources.tensorflow_messages import sentence

_NOT_CACHED = "Was this split cached? Cache the task again with it, or read it with use_cached=False."


def task_folder(task_name: str) -> str:
    """The folder of a task inside of a cache directory.

    >>> task_folder("t5:glue")
    't5/glue'
    """
    return os.path.join(*task_name.split(":"))


def completed_path(cache_dir: str) -> str:
    """The file that marks a completed cache."""
    return os.path.join(cache_dir, "COMPLETED")


def tfrecord_prefix(cache_dir: str, split: str) -> str:
    """What the names of the files with examples begin with."""
    return os.path.join(cache_dir, f"{split}.tfrecord")


def tfrecord_path(cache_dir: str, split: str, index: int, num_files: int) -> str:
    """One of the files with examples.

    >>> tfrecord_path("/caches/gsm8k", "train", 3, 64)
    '/caches/gsm8k/train.tfrecord-00003-of-00064'
    """
    return f"{tfrecord_prefix(cache_dir, split)}-{index:05d}-of-{num_files:05d}"


def info_path(cache_dir: str, split: str) -> str:
    """The file that describes the features."""
    return os.path.join(cache_dir, f"info.{split}.json")


def stats_path(cache_dir: str, split: str) -> str:
    """The file with what was counted."""
    return os.path.join(cache_dir, f"stats.{split}.json")


def manifest_path(cache_dir: str, split: str) -> str:
    """The file that says of what the examples were made, and what the other files are."""
    return os.path.join(cache_dir, f"manifest.{split}.json")


def files_of_split(cache_dir: str, split: str) -> list[str]:
    """The names of the files with examples of a split, as many as there are."""
    prefix = os.path.basename(tfrecord_prefix("", split))
    return [name for name in _names_in(cache_dir) if name.startswith(f"{prefix}-")]


def cached_splits(cache_dir: str) -> list[str]:
    """The splits that are described in the folder of a cache, sorted."""
    found = (re.fullmatch(r"info\.(.+)\.json", name) for name in _names_in(cache_dir))
    return sorted(match[1] for match in found if match)


def _names_in(folder: str) -> list[str]:
    try:
        return sorted(tf.io.gfile.listdir(folder))
    except tf.errors.NotFoundError:
        return []


def read_stats(task_name: str, cache_dir: str, split: str) -> Mapping[str, Any]:
    """The statistics of a cached split.

    Raises:
      CacheError: there are none, or the file is damaged.
    """
    path = stats_path(cache_dir, split)
    if not tf.io.gfile.exists(path):
        raise errors.with_remedy(
            errors.CacheError(f"Stats do not exist for {task_name!r} split: {split}"),
            f"There is no {path}. {_NOT_CACHED}",
        )
    return read_json(task_name, path, split, "Stats")


def read_info(task_name: str, cache_dir: str, split: str) -> Mapping[str, Any]:
    """The description of the features of a cached split.

    Raises:
      CacheError: there is none, or the file is damaged.
    """
    return read_json(task_name, info_path(cache_dir, split), split, "Feature descriptions")


def read_json(task_name: str, path: str, split: str, what: str) -> Mapping[str, Any]:
    """The JSON object in a file of the cache of a task.

    Raises:
      CacheError: there is no such file, or it is damaged.
    """
    try:
        with tf.io.gfile.GFile(path) as f:
            content = json.load(f)
    except tf.errors.NotFoundError as e:
        raise errors.CacheError(
            f"{what} do not exist for task {task_name!r}, split {split!r}: there is no {path}. {_NOT_CACHED}"
        ) from e
    except tf.errors.OpError as e:
        raise errors.CacheError(
            f"{what} of task {task_name!r}, split {split!r}, cannot be read: {sentence(e.message)}."
        ) from e
    except ValueError as e:
        raise errors.CacheError(f"{what} of task {task_name!r}, split {split!r}, are not JSON: {path}: {e}.") from e
    if not isinstance(content, dict):
        raise errors.CacheError(f"{what} of task {task_name!r}, split {split!r}, are no JSON object: {path}.")
    return content
