"""The checkpoints in a folder to which a trainer may be writing, and from which it may be deleting.

Orbax writes under a temporary name and renames, so a name without that mark is a finished checkpoint, until it is
deleted file by file. What is read in between could be a part of it. So a checkpoint is identified by all its files,
before it is read and again after that: if it is not the same any more, what was read is thrown away.
"""

from __future__ import annotations

import os
import re
import stat
import time
from collections.abc import Callable
from typing import Any, final

import tensorflow as tf

from evalkit.errors import ArgumentError, CheckpointError, CheckpointLostError
from evalkit.evaluations.checkpoint import Checkpoint
from evalkit.inference.model import Tree

_STEP = re.compile(r"(?:[A-Za-z][\w-]*_)?(\d+)")  # "100", "00000100" and "checkpoint_100"
_SHOWN = 5
_DELETED_WITHIN_S = 2.0  # between two files of a checkpoint that is being deleted


@final
class CheckpointFolder:
    """The folder of a CheckpointManager, looked into as often as wanted.

    Attributes:
      path: of the folder.
      unreadable: by step, why what stands there is no checkpoint; of the last look.
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        """Reads nothing yet."""
        folder = os.fspath(path).rstrip("/")
        self.path = folder if "://" in folder else os.path.abspath(folder)
        self.unreadable: dict[int, CheckpointError] = {}
        self._known: dict[str, tuple[Any, Checkpoint]] = {}  # those that did not change are not read again

    def finished(self) -> list[Checkpoint]:
        """The finished checkpoints, in the order of their steps; none where there are none, or no such folder."""
        self.unreadable, known = {}, {}
        for name in self._names():
            match = _STEP.fullmatch(name)
            path = os.path.join(self.path, name)
            mark = match and _mark(path)
            if not match or mark is None:
                continue
            step = int(match[1])
            if self._known.get(name, (None,))[0] == mark:
                known[name] = self._known[name]
                continue
            try:
                known[name] = mark, Checkpoint.find(path, step)
            except CheckpointError as error:
                self.unreadable[step] = error
            except (tf.errors.OpError, OSError):  # deleted while its files were counted
                continue
        self._known = known
        return sorted((found for _, found in known.values()), key=lambda found: found.step)

    def check(self) -> None:
        """Says what is wrong with a folder that has no checkpoint.

        Raises:
          ArgumentError: the folder is itself a checkpoint.
          CheckpointError: there is no such folder, it is empty, or what is in it are no checkpoints.
        """
        if self.finished():
            return
        names = self._names()
        for step, error in self.unreadable.items():
            raise CheckpointError(f"There is no finished checkpoint in {self.path}. Of step {step}: {error}")
        if not tf.io.gfile.isdir(self.path):
            raise CheckpointError(f"There is no folder {self.path} with checkpoints. Is the path right?")
        if not names:
            raise CheckpointError(f"{self.path} is empty: there is no checkpoint in it. Is training still to begin?")
        try:
            itself = Checkpoint.find(self.path, 0 if _STEP.fullmatch(os.path.basename(self.path)) is None else None)
        except CheckpointError:
            shown = ", ".join(names[:_SHOWN]) + (", …" if len(names) > _SHOWN else "")
            raise CheckpointError(
                f"There is no finished checkpoint in {self.path}. Those that Orbax writes stand in folders that are "
                f"called like their step; found {shown}."
            ) from None
        raise ArgumentError(
            f"{itself.path} is a single checkpoint, and not a folder of several. Pass the folder above it, or evaluate "
            "it alone with `evalkit evaluate --checkpoint`."
        )

    def _names(self) -> list[str]:
        try:
            return sorted(name.rstrip("/") for name in tf.io.gfile.listdir(self.path))
        except tf.errors.OpError:
            return []


def restore_whole(checkpoint: Checkpoint, restore: Callable[[Checkpoint], Tree]) -> Tree:
    """What `restore` reads of a checkpoint, if the checkpoint was all there until it was read.

    Raises:
      CheckpointLostError: it was deleted or replaced meanwhile.
      CheckpointError: it is there, and cannot be read: it is damaged, or of another structure.
    """
    try:
        params = restore(checkpoint)
    except CheckpointError as error:
        if _stays(checkpoint):
            raise
        raise _lost(checkpoint) from error
    if not is_there(checkpoint):
        raise _lost(checkpoint)
    return params


def is_there(checkpoint: Checkpoint) -> bool:
    """Whether the checkpoint stands where it was found, with all its files."""
    try:
        return Checkpoint.find(checkpoint.path, checkpoint.step).identity == checkpoint.identity
    except (CheckpointError, tf.errors.OpError, OSError):
        return False


def _stays(checkpoint: Checkpoint) -> bool:
    """Whether the checkpoint does not change for a while: one that is being deleted may have been found half gone."""
    end = time.monotonic() + _DELETED_WITHIN_S
    while is_there(checkpoint):
        if time.monotonic() >= end:
            return True
        time.sleep(_DELETED_WITHIN_S / 20)
    return False


def _lost(checkpoint: Checkpoint) -> CheckpointLostError:
    return CheckpointLostError(
        f"Checkpoint {checkpoint.path} was deleted or replaced while it was read. Nothing of it is used. A trainer "
        "that keeps more checkpoints (`max_to_keep`) leaves time to evaluate them."
    )


def _mark(path: str) -> Any:
    """Something that is another for another folder under the same name; None if it is no folder, or gone."""
    try:
        if "://" not in path:
            local = os.stat(path)
            return (local.st_ino, local.st_mtime_ns) if stat.S_ISDIR(local.st_mode) else None
        remote = tf.io.gfile.stat(path)
    except (tf.errors.OpError, OSError):
        return None
    return remote.mtime_nsec if remote.is_directory else None
