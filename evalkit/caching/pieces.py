"""Reading one piece of a split: the task, its seed, and the examples as they are stored.

The seed of a piece is made as seqio makes that of a source shard, so that random preprocessors give the examples that
they give there.
"""

from __future__ import annotations

import hashlib
import importlib
from collections.abc import Iterable

import tensorflow as tf

from evalkit.data.reading import open_source
from evalkit.data.registry import TaskRegistry
from evalkit.data.shard import ShardInfo
from evalkit.data.sources import set_tfds_data_dir_override
from evalkit.data.task import Task

_MAX_SEED = 2**63 - 1


def registered_task(name: str, modules: Iterable[str] = (), tfds_data_dir: str | None = None) -> Task:
    """The task of this name, in a process that may be another one than that which planned.

    Raises:
      UnknownNameError: it is not registered, though `modules` were imported.
    """
    for module in modules:
        importlib.import_module(module)
    if tfds_data_dir:
        set_tfds_data_dir_override(tfds_data_dir)
    return TaskRegistry.get(name)


def task_seed(task_name: str, seed: int | None) -> int:
    """The seed of all pieces of a task, of the number that a user gave.

    >>> task_seed("sums", None), task_seed("sums", 1) == task_seed("sums", 2) - 1
    (0, True)
    """
    return int.from_bytes(hashlib.md5(task_name.encode()).digest(), "little") + seed if seed else 0


def piece_seed(task_name: str, piece: int, preprocessors_seed: int) -> int:
    """The seed of one piece.

    >>> piece_seed("sums", 0, 0) != piece_seed("sums", 1, 0)
    True
    """
    digest = hashlib.md5(f"{task_name}shard{piece}".encode()).digest()
    return (int.from_bytes(digest[:7], "little") + preprocessors_seed) % _MAX_SEED


def open_piece(task: Task, split: str, piece: ShardInfo, seed: int) -> tf.data.Dataset:
    """The examples of a piece, as they are before the cache placeholder, in the order of the source.

    Raises:
      SourceError: the source cannot be read.
      PreprocessorError: a preprocessor raised or returned no dataset.
    """
    raw = open_source(task.source, split, shuffle=False, seed=seed, shard_info=piece)
    in_order = tf.data.Options()
    in_order.deterministic = True
    return task.preprocess_precache(raw, seed=seed).with_options(in_order)
