"""Where offline caches are: folders in which the examples of a task were stored before training (see `cache_files`)."""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Iterable
from typing import Any, final

import tensorflow as tf
from absl import logging

from evalkit import errors
from evalkit.data.cache_files import completed_path, task_folder

_accepts_stale: dict[str, bool] = {}  # by directory, in the order in which they are searched


@final
@dataclasses.dataclass(frozen=True)
class CacheFolder:
    """The completed cache of a task.

    Attributes:
      path: of the folder.
      accept_stale: whether it is to be used even where it does not match its task.
    """

    path: str
    accept_stale: bool


def get_global_cache_dirs() -> list[str]:
    """The directories in which the caches of all tasks are looked for, in order."""
    return list(_accepts_stale)


def set_global_cache_dirs(global_cache_dirs: Iterable[str | os.PathLike[str]], accept_stale: bool = False) -> None:
    """Looks for caches in these directories (local, or anything that `tf.io.gfile` reads) and nowhere else.

    >>> set_global_cache_dirs(["/data/caches"])
    >>> get_global_cache_dirs()
    ['/data/caches']
    >>> set_global_cache_dirs([])

    Args:
      global_cache_dirs: the directories, in the order in which they are searched.
      accept_stale: as for `add_global_cache_dirs`.

    Raises:
      ArgumentError: one path instead of a list of paths.
    """
    _check_is_list(global_cache_dirs)
    _accepts_stale.clear()
    add_global_cache_dirs(global_cache_dirs, accept_stale)


def add_global_cache_dirs(global_cache_dirs: Iterable[str | os.PathLike[str]], accept_stale: bool = False) -> None:
    """Looks for caches in these directories as well, after those that are known already.

    Args:
      global_cache_dirs: the directories, in the order in which they are searched.
      accept_stale: whether caches in these directories are used even where they no longer match their tasks; a warning
        says what changed. Without it, reading such a cache raises CacheError. It also counts for those of the
        directories that were known already.

    Raises:
      ArgumentError: one path instead of a list of paths.
    """
    _check_is_list(global_cache_dirs)
    _accepts_stale.update({os.fspath(path): accept_stale for path in global_cache_dirs})


def _check_is_list(paths: Any) -> None:
    if isinstance(paths, (str, os.PathLike)):
        raise errors.ArgumentError(f"Expected a list of cache directories, found {paths!r}; put it in a list.")


def find_cache(task_name: str) -> CacheFolder | None:
    """The completed cache of a task, or None. A directory that may not be read is passed over."""
    for directory, accept_stale in _accepts_stale.items():
        folder = os.path.join(directory, task_folder(task_name))
        try:
            if tf.io.gfile.exists(completed_path(folder)):
                return CacheFolder(folder, accept_stale)
        except (tf.errors.PermissionDeniedError, tf.errors.FailedPreconditionError) as e:
            logging.warning("Task %r: cannot look for a cache in %s: %s", task_name, directory, e)
    return None


def cache_of(task_name: str) -> CacheFolder:
    """The completed cache of a task.

    Raises:
      NotCachedError: there is none.
    """
    found = find_cache(task_name)
    if found is None:
        searched = ", ".join(_accepts_stale) or "none are set; see set_global_cache_dirs"
        raise errors.with_remedy(
            errors.NotCachedError(f"{task_name!r} does not exist in any of the task cache directories."),
            f"They are: {searched}. Expected {completed_path(os.path.join('<directory>', task_folder(task_name)))} in "
            "one of them. Cache the task, or read it with use_cached=False.",
        )
    return found
