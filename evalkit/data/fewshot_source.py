"""Few-shot evaluation: each example of a split comes with training examples that show how it is done."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, final

import tensorflow as tf

from evalkit import errors
from evalkit.data.content_hash import fingerprint
from evalkit.data.preprocessing import apply_preprocessor
from evalkit.data.reading import open_source
from evalkit.data.shard import ShardInfo
from evalkit.data.sources.source import DataSource
from evalkit.data.task_parts import SHUFFLE_BUFFER_SIZE
from evalkit.transforms.seeds import map_seed_manager

Step = Callable[[tf.data.Dataset], tf.data.Dataset]

_TRAIN, _EVAL = "train", "eval"

# From where the seeds of random preprocessors count; a task that reads this source counts its own from 0.
_FIRST_SEEDS = {_TRAIN: 10_000, _EVAL: 20_000}

# Training examples are shuffled even where no shuffling is asked for; then with this seed, which is seqio's.
_UNSHUFFLED_SEED = 0


@final
class FewshotDataSource(DataSource):
    """The examples of another source, each with `num_shots` examples of its training split ("shots").

    An example is `{"train": {feature: [num_shots, …]}, "eval": {feature: …}}`, of which
    `preprocessors.fewshot_preprocessor` makes a prompt; with `num_shots=0` there is no "train". Shots are drawn in a
    shuffled order, again and again. A training split with fewer rows than shots repeats rows within a prompt, and where
    the training split itself is read, an example may be among its own shots.

        >>> from evalkit.data import InMemoryDataSource
        >>> rows = [{"inputs": f"{n}+{n}", "targets": str(2 * n)} for n in range(4)]
        >>> source = FewshotDataSource(InMemoryDataSource({"train": rows[:3], "test": rows[3:]}), num_shots=2)
        >>> [example] = source.get_dataset("test", shuffle=False).as_numpy_iterator()
        >>> example["eval"]["inputs"], example["train"]["inputs"].tolist()
        (b'3+3', [b'0+0', b'1+1'])
    """

    def __init__(
        self,
        original_source: DataSource,
        num_shots: int,
        train_preprocessors: Iterable[Step] = (),
        eval_preprocessors: Iterable[Step] = (),
        train_split: str = "train",
        train_feature_keys: Iterable[str] = ("inputs", "targets"),
        shuffle_buffer_size: int = SHUFFLE_BUFFER_SIZE,
        eval_on_fixed_exemplars: bool = False,
    ) -> None:
        """Describes the source; nothing is read.

        Args:
          original_source: where the examples come from.
          num_shots: how many training examples each example is given.
          train_preprocessors: functions from dataset to dataset, applied to the training split before shots are drawn.
          eval_preprocessors: the same, for the split that is read.
          train_split: where the shots come from.
          train_feature_keys: what is kept of a training example; each must have the same shape in all of them.
          shuffle_buffer_size: how many examples are mixed when a split is shuffled.
          eval_on_fixed_exemplars: whether all examples are given the same shots, except those of `train_split`.

        Raises:
          ArgumentError: `num_shots` or `shuffle_buffer_size` is too small, or there are shots without features.
        """
        self._original_source = original_source
        self._num_shots = num_shots
        self._train_preprocessors = tuple(train_preprocessors)
        self._eval_preprocessors = tuple(eval_preprocessors)
        self._train_split = train_split
        keys = train_feature_keys
        self._train_feature_keys = (keys,) if isinstance(keys, str) else tuple(keys)
        self._shuffle_buffer_size = shuffle_buffer_size
        self._eval_on_fixed_exemplars = eval_on_fixed_exemplars
        super().__init__((), caching_permitted=original_source.caching_permitted)
        if num_shots < 0:
            raise errors.ArgumentError(f"num_shots must be at least 0, found {num_shots}.")
        if shuffle_buffer_size < 1:
            raise errors.ArgumentError(f"shuffle_buffer_size must be at least 1, found {shuffle_buffer_size}.")
        if num_shots and not self._train_feature_keys:
            raise errors.ArgumentError("train_feature_keys is empty; name what is kept of a training example.")

    @property
    def splits(self) -> Sequence[str]:
        """Those of the original source."""
        return self._original_source.splits

    @property
    def supports_arbitrary_sharding(self) -> bool:
        """No: at most as many shards as the original source has."""
        return False

    def list_shards(self, split: str) -> Sequence[str]:
        """Those of the original source."""
        return self._original_source.list_shards(split)

    def get_dataset(
        self, split: str = "train", shuffle: bool = True, seed: int | None = None, shard_info: ShardInfo | None = None
    ) -> tf.data.Dataset:
        """The examples of `split` with their shots.

        The same seed gives the same examples with the same shots, and so does no shuffling. Random preprocessors are
        seeded as well.

        Args:
          split: one of `splits`.
          shuffle: whether to shuffle `split`; shots are shuffled in any case.
          seed: makes shuffling repeatable; None for another order each time.
          shard_info: the part that is wanted; shots come from the same part of the training split.

        Raises:
          ArgumentError: the original source lacks a split.
          PreprocessorError: a preprocessor raised, or returned no dataset.
          FeatureError: training examples lack one of `train_feature_keys`.
          SourceError: the training split is empty. Where that shows only on reading, it is a
            tf.errors.InvalidArgumentError then, out of which `named_read_errors` makes a SourceError.
        """
        self._check_train_split()
        eval_seed = None if seed is None else seed + 1  # of its own, or each example of the training split meets itself
        evaluated = self._read(split, shuffle, eval_seed, shard_info, _EVAL)
        if not self._num_shots:
            return tf.data.Dataset.zip({_EVAL: evaluated})
        shots = self._endless_shots(seed if shuffle else _UNSHUFFLED_SEED, shard_info).batch(self._num_shots)
        if self._eval_on_fixed_exemplars and split != self._train_split:
            shots = shots.take(1).cache().repeat()
        return tf.data.Dataset.zip({_TRAIN: shots, _EVAL: evaluated})

    def find_damage(self, split: str, shard_info: ShardInfo | None = None) -> str | None:
        """What the original source finds in either split, or that there are no shots."""
        damage = self._original_source.find_damage(split, shard_info)
        if damage or not self._num_shots:
            return damage
        damage = self._original_source.find_damage(self._train_split)
        with contextlib.suppress(tf.errors.OpError):  # a preprocessor's
            if damage is None and not any(True for _ in self._shots(_UNSHUFFLED_SEED, None).take(1)):
                damage = self._nothing(None)
        return damage

    def fingerprint(self, split: str) -> str | None:
        """A hash of both splits and of how they are combined; None where the content of either cannot be told."""
        splits = (split, self._train_split) if self._num_shots else (split,)
        parts = [self._original_source.fingerprint(name) for name in splits]
        if None in parts:
            return None
        steps = (self._train_preprocessors, self._eval_preprocessors)
        fixed = self._eval_on_fixed_exemplars and split != self._train_split
        shots = (self._num_shots, self._train_feature_keys, self._shuffle_buffer_size, fixed)
        try:
            return fingerprint(("FewshotDataSource", parts, steps, shots))
        except errors.FingerprintError:
            return None

    def __repr__(self) -> str:
        return (
            f"FewshotDataSource(original_source={self._original_source!r}, num_shots={self._num_shots}, "
            f"train_split={self._train_split!r})"
        )

    def _read(
        self, split: str, shuffle: bool, seed: int | None, shard_info: ShardInfo | None, role: str
    ) -> tf.data.Dataset:
        dataset = open_source(self._original_source, split, shuffle, seed, shard_info)
        if shuffle:  # many sources shuffle their files only
            dataset = dataset.shuffle(self._shuffle_buffer_size, seed=seed)
        steps = self._train_preprocessors if role == _TRAIN else self._eval_preprocessors
        with map_seed_manager(None if seed is None else seed + _FIRST_SEEDS[role]):
            for position in range(len(steps)):
                dataset = apply_preprocessor(f"{self!r}, {role} preprocessor", steps, position, dataset)
        return dataset

    def _shots(self, seed: int | None, shard_info: ShardInfo | None) -> tf.data.Dataset:
        shots = self._read(self._train_split, True, seed, shard_info, _TRAIN)
        self._check_features(shots.element_spec)
        return shots.map(lambda example: {key: example[key] for key in self._train_feature_keys}, tf.data.AUTOTUNE)

    def _endless_shots(self, seed: int | None, shard_info: ShardInfo | None) -> tf.data.Dataset:
        shots, nothing = self._shots(seed, shard_info), self._nothing(shard_info)
        if shots.cardinality() == 0:
            raise errors.SourceError(nothing)

        def refuse(_: tf.Tensor) -> tf.data.Dataset:
            tf.debugging.Assert(False, [nothing])
            return shots

        # What is repeated for ever gets to what is behind it only if there is nothing to repeat.
        return shots.repeat().concatenate(tf.data.Dataset.range(1).flat_map(refuse))

    def _nothing(self, shard_info: ShardInfo | None) -> str:
        part = "" if shard_info is None else f", shard {shard_info.index} of {shard_info.num_shards},"
        return (
            f"Train split {self._train_split!r}{part} of {self._original_source!r} is empty, so there are no shots. "
            "Pass another train_split, or num_shots=0."
        )

    def _check_train_split(self) -> None:
        if self._num_shots and self._train_split not in self.splits:
            raise errors.ArgumentError(
                f"Train split {self._train_split!r} is not one of the original source splits: {tuple(self.splits)}. "
                "Name the split that shots are taken from: FewshotDataSource(train_split=…)."
            )

    def _check_features(self, spec: Any) -> None:
        found = sorted(spec) if isinstance(spec, Mapping) else []
        missing = [key for key in self._train_feature_keys if key not in found]
        if missing:
            has = f"the features {', '.join(map(repr, found))}" if found else f"no named features: {spec}"
            raise errors.FeatureError(
                f"{self!r}: training examples have no feature {missing[0]!r}. They have {has}. Name features that they "
                "have in train_feature_keys, or add them in train_preprocessors."
            )
