"""What all sources that read files have in common: files are found, sharded, shuffled, and read interleaved.

A subclass says how one file becomes examples (`read_file`); everything else is here. The arguments, their defaults and
the order of the examples are those of seqio's `FileDataSource`.

Damage is found while reading, at no cost before it. TensorFlow checks every TFRecord it reads, and text lines are
checked in the graph, but what `tf.data` then raises names no file. So the file and the record are looked for when a
read has failed: `find_damage` reads the files again, one by one, until the same thing happens. `named_read_errors`
does that around a loop. (Checking before reading would cost a pass over all data, which a training set of a terabyte
cannot pay.)
"""

from __future__ import annotations

import abc
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

import numpy as np
import tensorflow as tf

from evalkit import errors
from evalkit.data.content_hash import fingerprint
from evalkit.data.shard import ShardInfo
from evalkit.data.sources.declared_length import with_declared_length
from evalkit.data.sources.file_patterns import FilePatterns, checked_patterns, file_states, matching_files
from evalkit.data.sources.source import DataSource
from evalkit.data.sources.tensorflow_messages import sentence


class FilesSource(DataSource):
    """A source of files; a subclass says what one file holds.

    `SHOWN` names the attributes that `repr` shows beside the arguments of this class.
    """

    SHOWN: ClassVar[tuple[str, ...]] = ()

    def __init__(
        self,
        split_to_filepattern: Mapping[str, FilePatterns],
        num_input_examples: Mapping[str, int] | None = None,
        caching_permitted: bool = True,
        file_shuffle_buffer_size: int | None = None,
        cycle_length: int = 16,
        block_length: int = 16,
        performs_internal_shuffling: bool = False,
    ) -> None:
        """Describes the source; no file is looked for yet.

        Args:
          split_to_filepattern: the path, the glob, or several of them, of each split.
          num_input_examples: how many examples each split has, if known: it becomes the length of the dataset.
          caching_permitted: whether the examples may be written to an offline cache.
          file_shuffle_buffer_size: among how many files one is drawn when files are shuffled; None for all of them.
          cycle_length: how many files are read at the same time.
          block_length: how many examples are taken from one file before those of the next.
          performs_internal_shuffling: whether shuffled files are shuffled enough for a task without a shuffle buffer.

        Raises:
          ArgumentError: a split without a pattern, or a size below 1.
        """
        self._split_to_filepattern = checked_patterns(split_to_filepattern)
        self._file_shuffle_buffer_size = file_shuffle_buffer_size
        self._cycle_length = cycle_length
        self._block_length = block_length
        super().__init__(self._split_to_filepattern, num_input_examples, caching_permitted, performs_internal_shuffling)
        sizes = {
            "file_shuffle_buffer_size": file_shuffle_buffer_size,
            "cycle_length": cycle_length,
            "block_length": block_length,
        }
        for name, size in sizes.items():
            if size is not None and size < 1:
                raise errors.ArgumentError(f"{name} must be at least 1, found {size}.")

    @abc.abstractmethod
    def read_file(self, path: tf.Tensor) -> tf.data.Dataset:
        """The examples of one file, in order; `path` is a scalar string tensor, in the graph or not."""

    @abc.abstractmethod
    def _reading_arguments(self) -> Mapping[str, Any]:
        """The arguments beyond those of this class, which decide what is read."""

    @property
    def supports_arbitrary_sharding(self) -> bool:
        """No: at most as many shards as files."""
        return False

    def __repr__(self) -> str:
        arguments = {
            "split_to_filepattern": self._split_to_filepattern,
            **{name: getattr(self, name) for name in self.SHOWN},
            "num_input_examples": self._num_input_examples,
            "caching_permitted": self._caching_permitted,
            "file_shuffle_buffer_size": self._file_shuffle_buffer_size,
            "cycle_length": self._cycle_length,
            "block_length": self._block_length,
        }
        return f"{type(self).__name__}({', '.join(f'{name}={value}' for name, value in arguments.items())})"

    def list_shards(self, split: str) -> Sequence[str]:
        """The files of `split`, in reading order.

        Raises:
          ArgumentError: there is no such split.
          SourceError: a pattern that no file matches.
        """
        self.check_split(split)
        return matching_files(self._split_to_filepattern[split], split)

    def get_dataset(
        self, split: str = "train", shuffle: bool = True, seed: int | None = None, shard_info: ShardInfo | None = None
    ) -> tf.data.Dataset:
        """The examples of `split`, from several files at a time, in an order that depends on the arguments alone.

        Args:
          split: one of `splits`.
          shuffle: whether to shuffle the files (not the examples within one).
          seed: makes that order repeatable; None for another one each time.
          shard_info: the part that is wanted: every `num_shards`-th file.

        Raises:
          ArgumentError: there is no such split.
          SourceError: no file matches, or there are fewer files than shards.
        """
        files = self.list_shards(split)
        dataset = tf.data.Dataset.from_tensor_slices(np.array(files, str))
        if shard_info is not None:
            if len(files) < shard_info.num_shards:
                raise errors.SourceError(
                    f"Dataset has too few files to shard. Split {split!r} of {type(self).__name__} has {len(files)} "
                    f"files for {shard_info.num_shards} shards. Ask for at most {len(files)}, or shard the examples "
                    "with tf.data.Dataset.shard."
                )
            dataset = dataset.shard(shard_info.num_shards, shard_info.index)
        if shuffle:
            dataset = dataset.shuffle(self._file_shuffle_buffer_size or len(files), seed=seed)
        examples = dataset.interleave(
            self.read_file,
            cycle_length=self._cycle_length,
            block_length=self._block_length,
            num_parallel_calls=tf.data.AUTOTUNE,
        )
        return with_declared_length(examples, self.num_input_examples(split), shard_info)

    def find_damage(self, split: str, shard_info: ShardInfo | None = None) -> str | None:
        """Reads the files of `split` one by one, and says which cannot be read and where it breaks; None: all can."""
        files = self.list_shards(split)
        if shard_info is not None and shard_info.num_shards <= len(files):  # otherwise every reader reads all files
            files = files[shard_info.index :: shard_info.num_shards]
        for path in files:
            record = 0
            try:
                for _ in self.read_file(tf.constant(path)):
                    record += 1
            except tf.errors.OpError as error:
                problem = sentence(error.message)
                return f"file {path!r}, after {record} examples: {problem}. Restore the file, or leave it out."
        return None

    def fingerprint(self, split: str) -> str | None:
        """A hash of paths, sizes and times of change, and of everything that decides how the files are read.

        Returns:
          The hash; None where the content of a reading function cannot be told.
        """
        files = file_states(self.list_shards(split))
        order = (self._cycle_length, self._block_length)
        try:
            return fingerprint((type(self).__name__, files, order, dict(self._reading_arguments())))
        except errors.FingerprintError:
            return None
