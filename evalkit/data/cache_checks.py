"""Whether an offline cache still holds the examples of its task.

A cache that does not is refused, with what changed, unless the directory that it is in was added with
`accept_stale=True`. A cache without a manifest is seqio's, and taken as it is.
"""

from __future__ import annotations

from typing import Any

from absl import logging

from evalkit import errors
from evalkit.data.cache_manifest import CacheManifest, read_manifest
from evalkit.data.offline_cache import CacheFolder
from evalkit.data.task_fingerprint import cache_fingerprint, source_fingerprint

_SHOWN = 3


def check_cached_split(task: Any, cache: CacheFolder, split: str) -> None:
    """Refuses a cached split that is not whole, or does not match its task.

    Args:
      task: has `name`, `source`, `preprocessors` and `output_features`.
      cache: where it is.
      split: is not looked for in the source.

    Raises:
      CacheError: the split was not cached; a file is missing or has another size; or the task changed.
    """
    manifest = read_manifest(task.name, cache.path, split)
    if manifest is None:
        return
    damage = manifest.damage(cache.path)
    if damage:
        more = f", and {len(damage) - _SHOWN} more files" if len(damage) > _SHOWN else ""
        raise errors.CacheError(
            f"The cache of task {task.name!r}, split {split!r}, is damaged: {'; '.join(damage[:_SHOWN])}{more}. "
            "Restore the files, or cache the split again."
        )
    changes = changes_since(task, manifest)
    if not changes:
        return
    found = (
        f"The cache of task {task.name!r}, split {split!r}, at {cache.path} is of another task: {'; '.join(changes)}"
    )
    if not cache.accept_stale:
        raise errors.CacheError(
            f"{found}. Cache it again (`evalkit cache --overwrite`), read it with use_cached=False, or use it as it "
            "is: add_global_cache_dirs([…], accept_stale=True)."
        )
    logging.warning("%s. It is used all the same, as accept_stale=True says.", found)


def changes_since(task: Any, manifest: CacheManifest) -> list[str]:
    """What changed about `task` since its cache was written, in words; empty if nothing did.

    A source that is not there is taken for unchanged: training from caches needs no raw data.
    """
    if manifest.task_name != task.name:
        return [f"it was written for task {manifest.task_name!r}"]
    stored = manifest.fingerprint
    permit_unknown = bool(stored.unknown_parts)
    try:
        source = source_fingerprint(task, manifest.split, permit_unknown)
    except errors.SourceError as error:
        logging.warning("Task %r: whether its source changed since it was cached is unknown: %s", task.name, error)
        source = stored.source
    return cache_fingerprint(task, manifest.split, source, permit_unknown).differences(stored)
