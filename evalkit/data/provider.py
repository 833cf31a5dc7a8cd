"""What tasks and mixtures have in common: features, splits, and a `tf.data.Dataset` for each split."""

from __future__ import annotations

import abc
from collections.abc import Mapping, Sequence

import tensorflow as tf

from evalkit.data.feature import Feature
from evalkit.data.shard import ShardInfo
from evalkit.transforms.lengths import Length


class DatasetProvider(abc.ABC):
    """Something that gives preprocessed examples by split."""

    @property
    @abc.abstractmethod
    def output_features(self) -> Mapping[str, Feature]:
        """The features that every example has for the model, by name."""

    @property
    @abc.abstractmethod
    def splits(self) -> Sequence[str]:
        """The names of the splits."""

    @abc.abstractmethod
    def num_input_examples(self, split: str) -> int | None:
        """How many raw examples `split` has, or None where it is not known without reading."""

    @abc.abstractmethod
    def get_dataset(
        self,
        sequence_length: Mapping[str, Length] | None = None,
        split: str = "train",
        use_cached: bool = False,
        shuffle: bool = True,
        *,
        seed: int | None = None,
        shard_info: ShardInfo | None = None,
        num_epochs: int | None = 1,
        trim_output_features: bool = True,
        try_in_mem_cache: bool = True,
    ) -> tf.data.Dataset:
        """Opens a split; see `Task.get_dataset` and `Mixture.get_dataset` for the arguments."""
