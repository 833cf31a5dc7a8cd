"""The first examples of another source: for quick evaluation, and for training on few."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import final

import tensorflow as tf
from absl import logging

from evalkit import errors
from evalkit.data.content_hash import fingerprint
from evalkit.data.reading import open_source
from evalkit.data.shard import ShardInfo
from evalkit.data.sources.source import DataSource
from evalkit.data.task_parts import SHUFFLE_BUFFER_SIZE


@final
class TruncatedDatasetProvider(DataSource):
    """A source of which at most so many examples of a split are read: the first ones, in the order of the files.

    Which examples these are depends neither on the seed nor on shuffling or sharding; seqio takes so many of each
    shard, so that more hosts train on more examples.

        >>> from evalkit.data import InMemoryDataSource
        >>> rows = InMemoryDataSource({"test": [{"targets": str(n)} for n in range(1000)]})
        >>> source = TruncatedDatasetProvider(rows, split_sizes={"test": 10})
        >>> source.num_input_examples("test"), len(source.get_dataset("test", shard_info=ShardInfo(0, 2)))
        (10, 5)
    """

    def __init__(
        self, child: DataSource, split_sizes: Mapping[str, int], shuffle_buffer_size: int | None = None
    ) -> None:
        """Describes the source; nothing is read.

        Args:
          child: where the examples come from.
          split_sizes: the most examples to read of each split; a split that it lacks is read whole.
          shuffle_buffer_size: how many examples are mixed when a truncated split is shuffled; None: 1000.

        Raises:
          ArgumentError: a size is less than 1.
        """
        sizes = {f"split_sizes[{name!r}]": size for name, size in split_sizes.items()}
        sizes["shuffle_buffer_size"] = shuffle_buffer_size or SHUFFLE_BUFFER_SIZE
        for what, size in sizes.items():
            if size < 1:
                raise errors.ArgumentError(f"{what} must be at least 1, found {size}.")
        self.child = child
        self.split_sizes = dict(split_sizes)
        self.shuffle_buffer_size = sizes["shuffle_buffer_size"]
        super().__init__(
            (),
            caching_permitted=child.caching_permitted,
            performs_internal_shuffling=child.performs_internal_shuffling,
        )

    @property
    def splits(self) -> Sequence[str]:
        """Those of the child."""
        return self.child.splits

    @property
    def supports_arbitrary_sharding(self) -> bool:
        """Yes: who reads a shard of a truncated split reads the few examples before it as well."""
        return True

    def list_shards(self, split: str) -> Sequence[str]:
        """Those of the child."""
        return self.child.list_shards(split)

    def num_input_examples(self, split: str) -> int | None:
        """How many examples are read of `split`, or None where nobody knows how many the child has."""
        count = self.child.num_input_examples(split)
        return count if count is None else min(count, self.split_sizes.get(split, count))

    def get_dataset(
        self, split: str = "train", shuffle: bool = True, seed: int | None = None, shard_info: ShardInfo | None = None
    ) -> tf.data.Dataset:
        """The first examples of `split`.

        Args:
          split: one of `splits`.
          shuffle: whether to shuffle the examples, after they are chosen.
          seed: makes the shuffling repeatable; None for another order each time.
          shard_info: the part that is wanted: every `num_shards`-th of the chosen examples.
        """
        if split not in self.split_sizes:
            self._warn_of_unknown_splits(split)
            return open_source(self.child, split, shuffle, seed, shard_info)
        dataset = self.child.get_dataset(split=split, shuffle=False, seed=seed).take(self.split_sizes[split])
        if shard_info is not None:
            dataset = dataset.shard(shard_info.num_shards, shard_info.index)
        return dataset.shuffle(self.shuffle_buffer_size, seed=seed) if shuffle else dataset

    def find_damage(self, split: str, shard_info: ShardInfo | None = None) -> str | None:
        """What the child finds, of which each shard reads all."""
        del shard_info
        return self.child.find_damage(split)

    def fingerprint(self, split: str) -> str | None:
        """A hash of the child's and of the size; None where the child cannot tell."""
        of_child = self.child.fingerprint(split)
        if of_child is None:
            return None
        return fingerprint(("TruncatedDatasetProvider", of_child, self.split_sizes.get(split)))

    def __repr__(self) -> str:
        return f"TruncatedDatasetProvider(child={self.child!r}, split_sizes={self.split_sizes})"

    def _warn_of_unknown_splits(self, split: str) -> None:
        unknown = [name for name in self.split_sizes if name not in self.splits]
        if unknown:
            logging.warning("%r: there is no split %r; split %r is read whole.", self, unknown[0], split)
