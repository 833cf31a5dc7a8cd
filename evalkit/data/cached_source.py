"""Reading the examples of an offline cache.

A cached example is a `tf.train.Example`, which knows only flat lists of few types. The feature descriptions next to the
files say what the values were, so that they come back with their dtypes and shapes.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from typing import Any, final

import tensorflow as tf

from evalkit import errors
from evalkit.data.cache_files import files_of_split, read_info, read_stats, tfrecord_path
from evalkit.data.sources.files_source import FilesSource
from evalkit.data.tf_example import StoredFeature

# What was called "_plaintext" once is called "_pretokenized" since.
_OLD_SUFFIX, _SUFFIX = "_plaintext", "_pretokenized"


@final
class CachedDataSource(FilesSource):
    """One split of the offline cache of a task.

    Its length is known, and reading it ends in an error where the files have another number of examples than the
    statistics say, so that a cache that lost a part is not taken for a smaller one.
    """

    def __init__(self, task_name: str, cache_dir: str, split: str, file_shuffle_buffer_size: int | None = None) -> None:
        """Reads the descriptions and lists the files.

        Raises:
          CacheError: descriptions are missing or damaged, or there are not as many files as they say.
        """
        stats = read_stats(task_name, cache_dir, split)
        info = read_info(task_name, cache_dir, split)
        # Caches older than the version stamp declared int32 features as int64.
        legacy = "seqio_version" not in info
        try:
            self._features = {
                name: _stored_feature(name, facts["shape"], facts["dtype"], legacy)
                for name, facts in info["features"].items()
            }
            num_files, num_examples = int(info["num_shards"]), int(stats["examples"])
        except (KeyError, TypeError, ValueError, AttributeError) as e:
            raise errors.CacheError(
                f"The cache of task {task_name!r}, split {split!r}, at {cache_dir} is damaged: expected 'num_shards' "
                "and 'features' with their shapes and dtypes in its info file, and 'examples' in its stats file, found "
                f"{type(e).__name__}: {e}. Is it an offline cache?"
            ) from e
        super().__init__(
            split_to_filepattern={split: _list_files(task_name, cache_dir, split, num_files)},
            num_input_examples={split: num_examples},
            file_shuffle_buffer_size=file_shuffle_buffer_size,
        )

    def read_file(self, path: tf.Tensor) -> tf.data.Dataset:
        """The examples of one file, as they were when they were cached."""
        return tf.data.TFRecordDataset(path).map(self._parse, num_parallel_calls=tf.data.AUTOTUNE)

    def _reading_arguments(self) -> Mapping[str, Any]:
        return {"features": self._features}

    def _parse(self, record: tf.Tensor) -> dict[str, Any]:
        parsed = tf.io.parse_single_example(record, {name: one.parser for name, one in self._features.items()})
        return {_modern(name): self._features[name].restored(value) for name, value in parsed.items()}


def _stored_feature(name: str, shape: Sequence[int | None], dtype: str, legacy: bool) -> StoredFeature:
    known = tf.as_dtype("int32" if legacy and dtype == "int64" else dtype)
    return StoredFeature(name, tuple(None if size is None else int(size) for size in shape), known.name)


def _list_files(task_name: str, cache_dir: str, split: str, num_files: int) -> list[str]:
    expected = [tfrecord_path(cache_dir, split, index, num_files) for index in range(num_files)]
    found = {os.path.join(cache_dir, name) for name in files_of_split(cache_dir, split)}
    missing = sorted(set(expected) - found)
    if missing or not expected:
        raise errors.CacheError(
            f"The cache of task {task_name!r}, split {split!r}, at {cache_dir} is partial: {len(missing)} of "
            f"{num_files} files are missing, {', '.join(missing[:3])}. Cache the task again."
        )
    return expected


def _modern(name: str) -> str:
    return name.removesuffix(_OLD_SUFFIX) + _SUFFIX if name.endswith(_OLD_SUFFIX) else name
