"""What is in the folder of a split already, and whether it may be written to.

Nothing is lost by accident: what is complete and of the task as it is now stays; what is complete and of another task,
damaged, or of another program goes only when it is asked for. What an interrupted run of evalkit left is continued.
"""

from __future__ import annotations

import os

import tensorflow as tf

from evalkit.caching.atomic_files import remove, writing
from evalkit.caching.plan import WORK_FOLDER, SplitPlan
from evalkit.data.cache_checks import check_cached_split
from evalkit.data.cache_files import cached_splits, completed_path, files_of_split, info_path, stats_path
from evalkit.data.cache_manifest import read_manifest
from evalkit.data.offline_cache import CacheFolder
from evalkit.data.task import Task
from evalkit.errors import CacheError


def make_room(task: Task, plan: SplitPlan, overwrite: bool) -> bool:
    """Makes the folder ready for the pieces of a plan, and says whether there is anything to write.

    Args:
      task: whose cache it is.
      plan: for one of its splits.
      overwrite: whether what is there may be replaced, whatever it is.

    Raises:
      CacheError: what is there would have to be replaced.
    """
    if not overwrite and _is_complete(task, plan):
        return False
    with writing(plan.work_dir):
        tf.io.gfile.makedirs(plan.work_dir)
    _remove_completion(plan)
    for folder in work_dirs(plan):
        if folder != plan.work_dir:
            remove(folder)  # what was written as the task was, or was to be cached, before
    return True


def _is_complete(task: Task, plan: SplitPlan) -> bool:
    """Whether the split is complete and may stay.

    Raises:
      CacheError: it is complete and may not stay, or somebody else began it.
    """
    is_described = plan.split in cached_splits(plan.folder)
    if is_described and tf.io.gfile.exists(stats_path(plan.folder, plan.split)):
        try:
            check_cached_split(task, CacheFolder(plan.folder, accept_stale=False), plan.split)
        except CacheError as error:
            raise CacheError(f"{error} To replace it, run `evalkit cache` with --overwrite.") from error
        manifest = read_manifest(task.name, plan.folder, plan.split)
        if manifest is not None and manifest.seed != plan.settings.seed:
            raise CacheError(
                f"{plan}: the cache at {plan.folder} was written with seed {manifest.seed}, now it is "
                f"{plan.settings.seed}. To replace it, run `evalkit cache` with --overwrite."
            )
        if manifest is not None or tf.io.gfile.exists(completed_path(plan.folder)):
            return True
    if files_of_split(plan.folder, plan.split) and not work_dirs(plan):
        raise CacheError(
            f"{plan}: {plan.folder} has files of this split that no run of evalkit is writing, and that are not a "
            "complete cache. Choose another directory, remove them, or pass --overwrite."
        )
    return False


def _remove_completion(plan: SplitPlan) -> None:
    """Takes away what says that the split can be read: nobody may read it while its files change."""
    if not set(cached_splits(plan.folder)) - {plan.split}:
        remove(completed_path(plan.folder))
    for path in (info_path(plan.folder, plan.split), stats_path(plan.folder, plan.split), plan.manifest_path):
        remove(path)


def work_dirs(plan: SplitPlan) -> list[str]:
    """The folders of all plans for the split of `plan`, this one and earlier ones."""
    folder = os.path.join(plan.folder, WORK_FOLDER)
    try:
        names = [name.rstrip("/") for name in tf.io.gfile.listdir(folder)]
    except tf.errors.NotFoundError:
        return []
    return [os.path.join(folder, name) for name in names if name.rpartition("-")[0] == plan.split]
