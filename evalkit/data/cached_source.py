"""Reading the examples of an offline cache.

A cached example is a `tf.train.Example`, which knows only flat lists of few types. The feature descriptions next to the
files say what the values were, so that they come back with their dtypes and shapes.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, final

import tensorflow as tf

from evalkit import errors
from evalkit.data import offline_cache
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
        stats = offline_cache.read_stats(task_name, cache_dir, split)
        info = offline_cache.read_info(task_name, cache_dir, split)
        if "features" not in info or "num_shards" not in info or "examples" not in stats:
            raise errors.CacheError(
                f"The cache of task {task_name!r}, split {split!r}, at {cache_dir} is damaged: expected 'features' and "
                "'num_shards' in its info file, and 'examples' in its stats file."
            )
        super().__init__(
            split_to_filepattern={split: _list_files(task_name, cache_dir, split, info["num_shards"])},
            num_input_examples={split: stats["examples"]},
            file_shuffle_buffer_size=file_shuffle_buffer_size,
        )
        # Caches older than the version stamp declared int32 features as int64.
        legacy = "seqio_version" not in info
        self._features = {
            name: StoredFeature(
                name, tuple(feature["shape"]), "int32" if legacy and feature["dtype"] == "int64" else feature["dtype"]
            )
            for name, feature in info["features"].items()
        }

    def read_file(self, path: tf.Tensor) -> tf.data.Dataset:
        """The examples of one file, as they were when they were cached."""
        return tf.data.TFRecordDataset(path).map(self._parse, num_parallel_calls=tf.data.AUTOTUNE)

    def _reading_arguments(self) -> Mapping[str, Any]:
        return {"features": self._features}

    def _parse(self, record: tf.Tensor) -> dict[str, Any]:
        parsed = tf.io.parse_single_example(record, {name: one.parser for name, one in self._features.items()})
        return {_modern(name): self._features[name].restored(value) for name, value in parsed.items()}


def _list_files(task_name: str, cache_dir: str, split: str, num_shards: int) -> list[str]:
    prefix = offline_cache.tfrecord_prefix(cache_dir, split)
    expected = [f"{prefix}-{index:05d}-of-{num_shards:05d}" for index in range(num_shards)]
    missing = sorted(set(expected) - set(tf.io.gfile.glob(f"{prefix}-*-of-{num_shards:05d}")))
    if missing or not expected:
        raise errors.CacheError(
            f"The cache of task {task_name!r}, split {split!r}, at {cache_dir} is partial: {len(missing)} of "
            f"{num_shards} files are missing, {', '.join(missing[:3])}. Cache the task again."
        )
    return expected


def _modern(name: str) -> str:
    return name.removesuffix(_OLD_SUFFIX) + _SUFFIX if name.endswith(_OLD_SUFFIX) else name
