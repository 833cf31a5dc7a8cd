"""Opening a source for one reader of a split: which shard, and whether it is small enough to be kept."""

from __future__ import annotations

import tensorflow as tf
from absl import logging

from evalkit.data.shard import ShardInfo
from evalkit.data.sources.source import DataSource

# Below so many raw examples (per shard), a source is kept in memory; seqio's number.
MAX_EXAMPLES_IN_MEMORY = 10_000


def open_source(
    source: DataSource, split: str, shuffle: bool, seed: int | None, shard_info: ShardInfo | None
) -> tf.data.Dataset:
    """The raw examples of one shard of `split`.

    The source itself is sharded where it can be: it takes any sharding, or has as many files as shards are wanted.
    Otherwise the whole source is read and every `num_shards`-th example is kept.
    """
    if shard_info is None or source.supports_arbitrary_sharding:
        return source.get_dataset(split=split, shuffle=shuffle, seed=seed, shard_info=shard_info)
    if len(source.list_shards(split)) >= shard_info.num_shards:
        logging.info("Sharding at the data source: %d of %d", shard_info.index + 1, shard_info.num_shards)
        return source.get_dataset(split=split, shuffle=shuffle, seed=seed, shard_info=shard_info)
    logging.info("Sharding at the examples: %d of %d", shard_info.index + 1, shard_info.num_shards)
    # Every n-th example is a partition only if all readers see one order. Without a seed each would shuffle the source
    # its own way, and the shards would overlap; the shuffle buffer of the task still mixes the shard's examples.
    shuffle_source = shuffle and seed is not None
    dataset = source.get_dataset(split=split, shuffle=shuffle_source, seed=seed)
    return dataset.shard(shard_info.num_shards, shard_info.index)


def fits_in_memory(source: DataSource, split: str, shard_info: ShardInfo | None) -> bool:
    """Whether the raw examples of one shard are known to be few."""
    count = source.num_input_examples(split)
    return count is not None and 0 < count < MAX_EXAMPLES_IN_MEMORY * (shard_info.num_shards if shard_info else 1)
