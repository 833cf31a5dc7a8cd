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
from absl import logging

from evalkit.errors import ArgumentError, CheckpointError, CheckpointLostError
from evalkit.evaluations.checkpoint import Checkpoint
from evalkit.inference.model import Tree

_STEP = re.compile(r"(?:[A-Za-z][\w-]*_)?(\d+)")  # "100", "00000100" and "checkpoint_100"
_BY_ORBAX = re.compile(r"_(CHECKPOINT_)?METADATA|_sharding|commit_success\.txt|manifest\.ocdbt|ocdbt\.process_\d+")
_SHOWN = 5
_DELETED_WITHIN_S = 2.0  # between two files of a checkpoint that is being deleted


@final
class CheckpointFolder:
    """The folder of a CheckpointManager, looked into as often as wanted.

    Attributes:
      path: of the folder.
      unreadable: by step, what is wrong with a checkpoint that stands there; of the last look. A folder without any
        file of Orbax is none, whatever it is called.
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        """Reads nothing yet."""
        folder = os.fspath(path).rstrip("/")
        self.path = folder if "://" in folder else os.path.abspath(folder)
        self.unreadable: dict[int, CheckpointError] = {}
        self._known: dict[str, tuple[Any, Checkpoint]] = {}  # those that did not change are not read again
        self._told: set[str] = set()  # names that were logged

    def finished(self) -> list[Checkpoint]:
        """The finished checkpoints, in the order of their steps; none where there are none, or no such folder."""
        self.unreadable, known = {}, {}
        found: dict[int, Checkpoint] = {}
        for name in self._names():
            match = _STEP.fullmatch(name)
            mark = match and _mark(os.path.join(self.path, name))
            if not match or mark is None:
                continue
            step = int(match[1])
            if self._known.get(name, (None,))[0] == mark:
                known[name] = self._known[name]
            elif (checkpoint := self._found(name, step)) is not None:
                known[name] = mark, checkpoint
            if name in known and found.setdefault(step, known[name][1]) is not known[name][1]:
                self._tell(name, f"left out, since {found[step].path} is a checkpoint of step {step}, too")
        self._known = known
        return [found[step] for step in sorted(found)]

    def settled(self) -> list[Checkpoint]:
        """As `finished`, where `unreadable` is what has been so for a while: others may just be being deleted."""
        end = time.monotonic() + _DELETED_WITHIN_S
        found = self.finished()
        while self.unreadable and time.monotonic() < end:
            time.sleep(_DELETED_WITHIN_S / 20)
            found = self.finished()
        return found

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
                f"called like their step, with a file _METADATA in them; found {shown}."
            ) from None
        raise ArgumentError(
            f"{itself.path} is a single checkpoint, and not a folder of several. Pass the folder above it, or evaluate "
            "it alone with `evalkit evaluate --checkpoint`."
        )

    def _found(self, name: str, step: int) -> Checkpoint | None:
        path = os.path.join(self.path, name)
        try:
            try:
                return Checkpoint.find(path, step)
            except CheckpointError as error:
                if _is_of_orbax(path):
                    self.unreadable[step] = error
                else:
                    self._tell(name, "no file in it is of Orbax, so it is taken for something else than a checkpoint")
        except (tf.errors.OpError, OSError):  # deleted while its files were looked at
            pass
        return None

    def _tell(self, name: str, what: str) -> None:
        if name not in self._told:
            logging.warning("%s: %s.", os.path.join(self.path, name), what)
        self._told.add(name)

    def _names(self) -> list[str]:
        try:
            return sorted(name.rstrip("/") for name in tf.io.gfile.listdir(self.path))
        except tf.errors.OpError:
            return []


def folder_of(checkpoint: Checkpoint) -> str:
    """The folder in which a checkpoint stands among others: that with the folder that is called like its step."""
    for path in (os.path.dirname(checkpoint.path), checkpoint.path):
        match = _STEP.fullmatch(os.path.basename(path))
        if match and int(match[1]) == checkpoint.step:
            return os.path.dirname(path)
    return os.path.dirname(checkpoint.path)


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


def _is_of_orbax(folder: str) -> bool:
    """Whether a file that Orbax writes is in the folder, or in an item of it; that of other steps does not count."""
    names = [name.rstrip("/") for name in tf.io.gfile.listdir(folder)]
    if any(map(_BY_ORBAX.fullmatch, names)):
        return True
    items = [os.path.join(folder, name) for name in names if not name.isdecimal()]
    return any(
        _BY_ORBAX.fullmatch(name.rstrip("/"))
        for item in items
        if tf.io.gfile.isdir(item)
        for name in tf.io.gfile.listdir(item)
    )


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
