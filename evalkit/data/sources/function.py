"""Examples from a Python function that makes a dataset."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import final

import tensorflow as tf

from evalkit import errors
from evalkit.data.content_hash import fingerprint
from evalkit.data.shard import ShardInfo
from evalkit.data.signature import function_name, parameter_names, parameters_of
from evalkit.data.sources.declared_length import with_declared_length
from evalkit.data.sources.source import DataSource

DatasetFunction = Callable[..., tf.data.Dataset]

_REQUIRED = ("split", "shuffle_files")
_SEED = "seed"
_KNOWN = frozenset((*_REQUIRED, _SEED))


@final
class FunctionDataSource(DataSource):
    """Examples of `dataset_fn(split, shuffle_files[, seed])`, which returns a `tf.data.Dataset`.

    The function is called each time the source is opened. It is handed a seed if it has an argument of this name; a
    function without one is taken to need none (seqio refuses to evaluate such a task, though it trains on it).

        >>> source = FunctionDataSource(lambda split, shuffle_files: tf.data.Dataset.range(3), splits=["test"])
        >>> len(source.get_dataset("test", shuffle=False, seed=42))
        3
    """

    def __init__(
        self,
        dataset_fn: DatasetFunction,
        splits: Iterable[str],
        num_input_examples: Mapping[str, int] | None = None,
        caching_permitted: bool = True,
    ) -> None:
        """Describes the source; the function is not called yet.

        Args:
          dataset_fn: takes `split` and `shuffle_files`, perhaps `seed`; further arguments need defaults.
          splits: the names of the splits.
          num_input_examples: how many examples each split has, if known.
          caching_permitted: whether the examples may be written to an offline cache.

        Raises:
          ArgumentError: the function does not have these arguments.
        """
        _check_signature(dataset_fn)
        self._dataset_fn = dataset_fn
        super().__init__(splits, num_input_examples, caching_permitted)

    @property
    def supports_arbitrary_sharding(self) -> bool:
        """No: a function gives one undivided dataset."""
        return False

    def list_shards(self, split: str) -> Sequence[str]:
        """One, under the name of the split.

        Raises:
          ArgumentError: there is no such split.
        """
        self.check_split(split)
        return [split]

    def get_dataset(
        self, split: str = "train", shuffle: bool = True, seed: int | None = None, shard_info: ShardInfo | None = None
    ) -> tf.data.Dataset:
        """What the function returns.

        Args:
          split: one of `splits`.
          shuffle: handed to the function as `shuffle_files`.
          seed: handed to the function if it takes one.
          shard_info: None, or one shard of one.

        Raises:
          ArgumentError: there is no such split, or several shards are asked for.
          SourceError: the function raises, or returns something else.
        """
        self.check_split(split)
        if shard_info is not None and shard_info.num_shards > 1:
            raise errors.ArgumentError(
                f"FunctionDataSource does not support low-level sharding: {shard_info.num_shards} shards of "
                f"{function_name(self._dataset_fn)!r} were asked for. Use tf.data.Dataset.shard instead."
            )
        seeded = {_SEED: seed} if _SEED in parameter_names(self._dataset_fn) else {}
        what = f"dataset_fn {function_name(self._dataset_fn)!r}, called for split {split!r},"
        try:
            dataset = self._dataset_fn(split=split, shuffle_files=shuffle, **seeded)
        except Exception as error:
            raise errors.SourceError(f"{what} raised {type(error).__name__}: {error}") from error
        if not isinstance(dataset, tf.data.Dataset):
            raise errors.SourceError(f"{what} returned {type(dataset).__name__}; expected a tf.data.Dataset.")
        return with_declared_length(dataset, self.num_input_examples(split), shard_info)

    def fingerprint(self, split: str) -> str | None:
        """A hash of the function and what it refers to.

        It does not know of files that the function reads: when they change, change the function or clear the store.

        Returns:
          The hash; None where the content of the function cannot be told.
        """
        try:
            return fingerprint(("FunctionDataSource", self._dataset_fn, split))
        except errors.FingerprintError:
            return None

    def __repr__(self) -> str:
        return (
            f"FunctionDataSource(dataset_fn={function_name(self._dataset_fn)}, splits={self.splits}, "
            f"num_input_examples={self._num_input_examples}, caching_permitted={self.caching_permitted})"
        )


def _check_signature(function: DatasetFunction) -> None:
    parameters = parameters_of(function)
    names = parameters.names
    if names[: len(_REQUIRED)] != _REQUIRED:
        raise errors.ArgumentError(f"'{function_name(function)}' must have initial args {_REQUIRED}, got: {names}")
    if not _KNOWN.issuperset(parameters.required):
        raise errors.ArgumentError(
            f"'{function_name(function)}' may only have positional args {_REQUIRED}, got: {parameters.required}"
        )
