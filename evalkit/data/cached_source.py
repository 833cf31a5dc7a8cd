"""Reading the examples of an offline cache.

A cached example is a `tf.train.Example`, which knows only int64, float32 and strings, and only flat lists. The feature
descriptions next to the files say what the values were: dtypes are cast back, shapes restored; a value that is ragged
beyond its first dimension was stored flat, with the row lengths of each ragged dimension in a feature of their own.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, final

import tensorflow as tf

from evalkit import errors
from evalkit.data import offline_cache
from evalkit.data.sources.files_source import FilesSource
from evalkit.data.tf_example import tfexample_ragged_length_key

# Stored as int64, because `tf.train.Example` has no smaller integer.
_STORED_AS_INT64 = ("int32", "bool")

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
        self._dtypes = {
            name: "int32" if legacy and feature["dtype"] == "int64" else feature["dtype"]
            for name, feature in info["features"].items()
        }
        self._parsers = {
            name: _parser(name, feature["shape"], self._dtypes[name]) for name, feature in info["features"].items()
        }

    def read_file(self, path: tf.Tensor) -> tf.data.Dataset:
        """The examples of one file, as they were when they were cached."""
        return tf.data.TFRecordDataset(path).map(self._parse, num_parallel_calls=tf.data.AUTOTUNE)

    def _reading_arguments(self) -> Mapping[str, Any]:
        return {"dtypes": self._dtypes}

    def _parse(self, record: tf.Tensor) -> dict[str, Any]:
        example = tf.io.parse_single_example(record, self._parsers)
        return {_modern(name): tf.cast(value, self._dtypes[name]) for name, value in example.items()}


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


def _parser(name: str, shape: Sequence[int | None], dtype: str) -> Any:
    stored = "int64" if dtype in _STORED_AS_INT64 else dtype
    if shape and None in shape[1:]:
        return tf.io.RaggedFeature(value_key=name, partitions=_partitions(name, shape[1:]), dtype=stored)
    if shape and shape[0] is None:
        return tf.io.FixedLenSequenceFeature(shape[1:], stored, allow_missing=True)
    return tf.io.FixedLenFeature(shape, stored)


def _partitions(name: str, inner_shape: Sequence[int | None]) -> list[Any]:
    """How each dimension but the first is divided."""
    partitions: list[Any] = []
    ragged = 0
    for size in inner_shape:
        if size is None:
            partitions.append(tf.io.RaggedFeature.RowLengths(tfexample_ragged_length_key(name, ragged)))
            ragged += 1
        else:
            partitions.append(tf.io.RaggedFeature.UniformRowLength(size))
    return partitions


def _modern(name: str) -> str:
    return name.removesuffix(_OLD_SUFFIX) + _SUFFIX if name.endswith(_OLD_SUFFIX) else name
