"""Finding and describing offline caches: folders in which the examples of a task were stored before training.

The layout is seqio's, so its folders are read as they are. Under one of the global cache directories, the task named
`a:b` is in the folder `a/b`, which has

* `COMPLETED`, an empty file, written last;
* for each split, `<split>.tfrecord-00000-of-00002` …, `info.<split>.json` (features, number of shards) and
  `stats.<split>.json` (number of examples and of tokens).
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Mapping
from typing import Any

import tensorflow as tf
from absl import logging

from evalkit import errors

_COMPLETED = "COMPLETED"

_directories: list[str] = []


def get_global_cache_dirs() -> list[str]:
    """The directories in which the caches of all tasks are looked for, in order."""
    return list(_directories)


def set_global_cache_dirs(global_cache_dirs: Iterable[str | os.PathLike[str]]) -> None:
    """Looks for caches in these directories (local, or anything that `tf.io.gfile` reads) and nowhere else.

    >>> set_global_cache_dirs(["/data/caches"])
    >>> get_global_cache_dirs()
    ['/data/caches']
    >>> set_global_cache_dirs([])
    """
    _directories.clear()
    add_global_cache_dirs(global_cache_dirs)


def add_global_cache_dirs(global_cache_dirs: Iterable[str | os.PathLike[str]]) -> None:
    """Looks for caches in these directories as well, after those that are known already.

    Raises:
      ArgumentError: one path instead of a list of paths.
    """
    if isinstance(global_cache_dirs, (str, os.PathLike)):
        raise errors.ArgumentError(
            f"Expected a list of cache directories, found {global_cache_dirs!r}; put it in a list."
        )
    for path in global_cache_dirs:
        directory = os.fspath(path)
        if directory not in _directories:
            _directories.append(directory)


def task_folder(task_name: str) -> str:
    """The folder of a task inside of a cache directory.

    >>> task_folder("t5:glue")
    't5/glue'
    """
    return os.path.join(*task_name.split(":"))


def tfrecord_prefix(cache_dir: str, split: str) -> str:
    """What the names of the files with examples begin with."""
    return os.path.join(cache_dir, f"{split}.tfrecord")


def info_path(cache_dir: str, split: str) -> str:
    """The file that describes the features."""
    return os.path.join(cache_dir, f"info.{split}.json")


def stats_path(cache_dir: str, split: str) -> str:
    """The file with what was counted."""
    return os.path.join(cache_dir, f"stats.{split}.json")


def find_cache_dir(task_name: str) -> str | None:
    """The folder of the completed cache of a task, or None. A directory that may not be read is passed over."""
    for directory in _directories:
        folder = os.path.join(directory, task_folder(task_name))
        try:
            if tf.io.gfile.exists(os.path.join(folder, _COMPLETED)):
                return folder
        except (tf.errors.PermissionDeniedError, tf.errors.FailedPreconditionError) as e:
            logging.warning("Task %r: cannot look for a cache in %s: %s", task_name, directory, e)
    return None


def cache_dir_of(task_name: str) -> str:
    """The folder of the completed cache of a task.

    Raises:
      NotCachedError: there is none.
    """
    folder = find_cache_dir(task_name)
    if folder is None:
        searched = ", ".join(_directories) or "none are set; see set_global_cache_dirs"
        raise errors.NotCachedError(
            f"Task {task_name!r} does not exist in any of the task cache directories ({searched}). "
            f"Expected {os.path.join('<directory>', task_folder(task_name), _COMPLETED)}. "
            "Cache the task, or read it with use_cached=False."
        )
    return folder


def read_stats(task_name: str, cache_dir: str, split: str) -> Mapping[str, Any]:
    """The statistics of a cached split.

    Raises:
      CacheError: there are none, or the file is damaged.
    """
    return _read_json(task_name, stats_path(cache_dir, split), split, "Stats")


def read_info(task_name: str, cache_dir: str, split: str) -> Mapping[str, Any]:
    """The description of the features of a cached split.

    Raises:
      CacheError: there is none, or the file is damaged.
    """
    return _read_json(task_name, info_path(cache_dir, split), split, "Feature descriptions")


def _read_json(task_name: str, path: str, split: str, what: str) -> Mapping[str, Any]:
    try:
        with tf.io.gfile.GFile(path) as f:
            content = json.load(f)
    except tf.errors.NotFoundError as e:
        raise errors.CacheError(
            f"{what} do not exist for task {task_name!r}, split {split!r}: there is no {path}. "
            "Was this split cached? Cache the task again with it, or read it with use_cached=False."
        ) from e
    except ValueError as e:
        raise errors.CacheError(f"{what} of task {task_name!r}, split {split!r}, are not JSON: {path}: {e}.") from e
    if not isinstance(content, dict):
        raise errors.CacheError(f"{what} of task {task_name!r}, split {split!r}, are no JSON object: {path}.")
    return content
