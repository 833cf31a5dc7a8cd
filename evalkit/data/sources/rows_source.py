"""What sources that read a whole split at once have in common: checked columns become a dataset, and are let go.

Nothing that was read stays in the source; the dataset owns it, and with the dataset it goes.
"""

from __future__ import annotations

import abc
from collections.abc import Mapping

import tensorflow as tf

from evalkit import errors
from evalkit.data.shard import ShardInfo
from evalkit.data.sources.source import DataSource
from evalkit.data.sources.typed_column import TypedColumn


class RowsSource(DataSource):
    """A source whose splits fit in memory; a subclass says how one is read."""

    @abc.abstractmethod
    def read_columns(self, split: str) -> Mapping[str, TypedColumn]:
        """All rows of `split`, checked, by feature.

        Raises:
          SourceError: a row that cannot be read, or does not fit the others.
        """

    @property
    def supports_arbitrary_sharding(self) -> bool:
        """Yes: every n-th row."""
        return True

    def get_dataset(
        self, split: str = "train", shuffle: bool = True, seed: int | None = None, shard_info: ShardInfo | None = None
    ) -> tf.data.Dataset:
        """The rows of `split` as dictionaries of tensors, in their order; `len` gives their number.

        Args:
          split: one of `splits`.
          shuffle: whether to shuffle all rows.
          seed: makes the shuffling repeatable; None for another order each time.
          shard_info: the part that is wanted: every `num_shards`-th row.

        Raises:
          ArgumentError: there is no such split.
          SourceError: a row that cannot be read, or does not fit the others; or no row at all, and no declared
            features.
        """
        self.check_split(split)
        columns = self.read_columns(split)
        if not columns:
            raise errors.SourceError(
                f"{self!r} has no rows in split {split!r}, so nobody knows its features. Declare them in `features` "
                "to read an empty split."
            )
        dataset = _dataset(columns)
        if shard_info is not None:
            dataset = dataset.shard(shard_info.num_shards, shard_info.index)
        num_rows = int(dataset.cardinality())
        return dataset.shuffle(num_rows, seed=seed) if shuffle and num_rows else dataset


def _dataset(columns: Mapping[str, TypedColumn]) -> tf.data.Dataset:
    dataset = tf.data.Dataset.from_tensor_slices({name: column.values for name, column in columns.items()})
    shapes = {
        name: column.shape
        for name, column in columns.items()
        if column.is_rectangular and isinstance(column.values, tf.RaggedTensor)
    }
    if not shapes:
        return dataset

    def as_tensors(row: dict[str, tf.Tensor]) -> dict[str, tf.Tensor]:
        return {name: _as_tensor(value, shapes[name]) if name in shapes else value for name, value in row.items()}

    return dataset.map(as_tensors)


def _as_tensor(value: tf.Tensor | tf.RaggedTensor, shape: tuple[int | None, ...]) -> tf.Tensor:
    """A rectangle; of a row of rank 1, TensorFlow makes a tensor already, but calls it ragged until it is mapped."""
    return tf.ensure_shape(value.to_tensor() if isinstance(value, tf.RaggedTensor) else value, shape)
