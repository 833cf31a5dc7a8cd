"""The interface of a data source: where the raw examples of a task come from.

A source knows its splits, how many examples each has (where that can be known without reading), which shards each is
stored in, and how to open one as a `tf.data.Dataset` of raw examples. It tokenizes nothing. Everything else (caching,
preprocessing, trimming, mixing) happens in `Task`, so that a source is small to write: four methods, or a function
handed to `FunctionDataSource`.
"""

from __future__ import annotations

import abc
from collections.abc import Iterable, Mapping, Sequence

import tensorflow as tf

from evalkit import errors
from evalkit.data.shard import ShardInfo


class DataSource(abc.ABC):
    """Raw examples by split; subclass it to read a format that evalkit does not know.

    The constructor's arguments and the methods are those of seqio's `DataSource`, so that sources written for it work.
    """

    def __init__(
        self,
        splits: Iterable[str],
        num_input_examples: Mapping[str, int] | None = None,
        caching_permitted: bool = True,
        performs_internal_shuffling: bool = False,
    ) -> None:
        """Describes the source without opening it.

        Args:
          splits: the names of the splits (a single name counts as one split, not as its letters).
          num_input_examples: how many raw examples each split has, or None where nobody knows. A split that it lacks
            counts as unknown.
          caching_permitted: whether the examples may be written to an offline cache.
          performs_internal_shuffling: whether `get_dataset(shuffle=True)` shuffles well enough by itself, so that a
            task without a shuffle buffer may still be shuffled.
        """
        self._splits = (splits,) if isinstance(splits, str) else tuple(splits)
        self._num_input_examples = None if num_input_examples is None else dict(num_input_examples)
        self._caching_permitted = caching_permitted
        self._performs_internal_shuffling = performs_internal_shuffling

    @property
    def splits(self) -> Sequence[str]:
        """The names of the splits."""
        return self._splits

    @property
    def caching_permitted(self) -> bool:
        """Whether the examples may be written to an offline cache."""
        return self._caching_permitted

    @property
    def performs_internal_shuffling(self) -> bool:
        """Whether the source shuffles well enough without a shuffle buffer after it."""
        return self._performs_internal_shuffling

    @property
    @abc.abstractmethod
    def supports_arbitrary_sharding(self) -> bool:
        """Whether `get_dataset` takes any number of shards, not only up to `len(list_shards(split))`."""

    @abc.abstractmethod
    def list_shards(self, split: str) -> Sequence[str]:
        """Names of the physical shards of `split`; as many as can be read independently of each other."""

    @abc.abstractmethod
    def get_dataset(
        self, split: str, shuffle: bool = True, seed: int | None = None, shard_info: ShardInfo | None = None
    ) -> tf.data.Dataset:
        """Opens `split` as a dataset of raw examples.

        Args:
          split: one of `splits`.
          shuffle: whether to shuffle what can be shuffled cheaply (the order of the files, mostly).
          seed: makes the shuffling repeatable; None shuffles differently each time.
          shard_info: the part that is wanted; None for all. Without `supports_arbitrary_sharding`, `num_shards` must
            not exceed `len(list_shards(split))`.
        """

    def num_input_examples(self, split: str) -> int | None:
        """How many raw examples `split` has (over all shards), or None where it is not known without reading."""
        return None if self._num_input_examples is None else self._num_input_examples.get(split)

    def fingerprint(self, split: str) -> str | None:
        """A string that changes when the content of `split` may have changed; None: no promise can be made.

        Caches that outlive the process are keyed by it, so a source that cannot tell must answer None rather than a
        constant.
        """
        del split
        return None

    def find_damage(self, split: str, shard_info: ShardInfo | None = None) -> str | None:
        """Where the data of `split` breaks and what to do, in words; None: nothing was found, or nobody can tell.

        Called after reading has failed, and may read again all that was read: the shard, or else everything.
        """
        del split, shard_info
        return None

    def check_split(self, split: str) -> None:
        """Refuses a split that the source does not have.

        Raises:
          ArgumentError: `split` is not one of `splits`.
        """
        if split not in self.splits:
            raise errors.ArgumentError(
                f"{type(self).__name__} has no split {split!r}; it has {', '.join(map(repr, self.splits)) or 'none'}."
            )
