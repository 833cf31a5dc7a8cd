"""A declared number of examples, made the known length of a dataset."""

from __future__ import annotations

import tensorflow as tf

from evalkit.data.shard import ShardInfo


def with_declared_length(dataset: tf.data.Dataset, length: int | None, shard_info: ShardInfo | None) -> tf.data.Dataset:
    """`dataset`, of which `len` gives `length`, where nothing better is known.

    A length that TensorFlow can tell by itself stays; of a shard of several, nobody declared the length. Reading to the
    end of a dataset that has another length than the declared one is an error (`named_read_errors` explains it), since
    mixing rates and progress bars would be wrong all along.

        >>> len(with_declared_length(tf.data.Dataset.range(9).filter(lambda x: x < 3), 3, None))
        3
    """
    whole = shard_info is None or shard_info.num_shards == 1
    if length is None or not whole or dataset.cardinality() != tf.data.UNKNOWN_CARDINALITY:
        return dataset
    return dataset.apply(tf.data.experimental.assert_cardinality(length))
