"""A task: where examples come from, how they become tokens, and how an output is judged."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping

import tensorflow as tf
from absl import logging

from evalkit import errors
from evalkit.data import offline_cache
from evalkit.data.cache_checks import check_cached_split
from evalkit.data.cache_files import read_stats
from evalkit.data.cached_source import CachedDataSource
from evalkit.data.preprocessing import check_output_features, run_preprocessors
from evalkit.data.reading import fits_in_memory, open_source
from evalkit.data.shard import ShardInfo
from evalkit.data.sources import DataSource, named_read_errors
from evalkit.data.task_parts import TaskParts
from evalkit.transforms.lengths import Length, trim_dataset
from evalkit.transforms.seeds import map_seed_manager

# The seeds of the maps after the cache start this far above those before it, per preprocessor before it (seqio's rule).
_SEEDS_PER_STEP = 42


class Task(TaskParts):
    """A dataset and its metrics; usually made by `TaskRegistry.add`.

    Subclasses (`TaskRegistry.add(task_cls=…)`) may add methods and constructor arguments.
    """

    @property
    def supports_caching(self) -> bool:
        """Whether the task has a `CacheDatasetPlaceholder`."""
        return self._definition.cache_step is not None

    @property
    def requires_caching(self) -> bool:
        """Whether the task may only be read from its offline cache."""
        placeholder = self._definition.cache_placeholder
        return placeholder is not None and placeholder.required

    @property
    def cache_dir(self) -> str | None:
        """The folder of the task's offline cache, looked for in the global cache directories; None: there is none."""
        found = offline_cache.find_cache(self.name)
        return None if found is None else found.path

    def assert_cached(self) -> None:
        """Makes sure that there is an offline cache.

        Raises:
          NotCachedError: there is none.
        """
        offline_cache.cache_of(self.name)

    def get_cached_stats(self, split: str = "train") -> Mapping[str, int | float]:
        """What was counted when `split` was cached: "examples", "<feature>_tokens", "<feature>_max_tokens" …

        Raises:
          NotCachedError: the task has no offline cache.
          CacheError: the cache has no statistics for `split`.
        """
        return read_stats(self.name, offline_cache.cache_of(self.name).path, split)

    def preprocess_precache(self, dataset: tf.data.Dataset, seed: int | None = None) -> tf.data.Dataset:
        """Runs the preprocessors before the cache placeholder (none, if there is no placeholder).

        Raises:
          PreprocessorError: a preprocessor raised or returned no dataset.
        """
        step = self._definition.cache_step or 0
        with map_seed_manager(seed):
            return run_preprocessors(self.name, dataset, self.preprocessors, range(step), None, self.output_features)

    def preprocess_postcache(
        self, dataset: tf.data.Dataset, sequence_length: Mapping[str, Length] | None, seed: int | None = None
    ) -> tf.data.Dataset:
        """Runs the preprocessors after the cache placeholder (all, if there is no placeholder).

        Raises:
          PreprocessorError: a preprocessor raised or returned no dataset.
        """
        step, first = self._definition.cache_step, 0
        if step is not None:
            seed = None if seed is None else seed + _SEEDS_PER_STEP * step
            first = step + 1
        steps = range(first, len(self.preprocessors))
        with map_seed_manager(seed):
            return run_preprocessors(
                self.name, dataset, self.preprocessors, steps, sequence_length, self.output_features
            )

    def get_dataset(
        self,
        sequence_length: Mapping[str, Length] | None = None,
        split: str = "train",
        use_cached: bool = False,
        shuffle: bool = True,
        shuffle_buffer_size: int | None = None,
        seed: int | None = None,
        shard_info: ShardInfo | None = None,
        num_epochs: int | None = 1,
        trim_output_features: bool = True,
        try_in_mem_cache: bool = True,
    ) -> tf.data.Dataset:
        """Opens a split as a dataset of preprocessed examples.

        The same arguments, with a seed, give the same examples in the same order; the order is seqio's.

        Args:
          sequence_length: the longest that each feature may be (a number, or one for each dimension); a feature that it
            lacks is not cut. None: nothing is cut.
          split: one of `splits`, or what else the source understands.
          use_cached: read from the offline cache instead of preprocessing on the fly.
          shuffle: shuffle the source, and the examples with a buffer.
          shuffle_buffer_size: how many examples to mix; None: as the task says.
          seed: for shuffling and for random preprocessors; None: different every time.
          shard_info: the part that is wanted; None: all.
          num_epochs: how often to repeat the source before the preprocessors after the cache placeholder, so that
            random ones draw anew in each epoch; None: forever.
          trim_output_features: cut the output features to `sequence_length` at the end.
          try_in_mem_cache: keep the raw examples in memory while the dataset lives, if the source says that they are
            fewer than 10,000 per shard.

        Raises:
          ArgumentError: the task does not permit what is asked for.
          NotCachedError: `use_cached`, and there is no offline cache.
          CacheError: `use_cached`, and the cache is not whole, does not match the task, or lacks the split.
          PreprocessorError: a preprocessor raised or returned no dataset.
          FeatureError: the examples do not have the promised features.
        """
        self._check_caching(use_cached)
        buffer_size = self._buffer_size(shuffle_buffer_size) if shuffle else None
        if num_epochs is not None and num_epochs < 1:
            raise errors.ArgumentError(f"num_epochs must be at least 1, or None for no end, found {num_epochs}.")
        source = self.cached_source(split) if use_cached else self.source
        dataset = open_source(source, split, shuffle, seed, shard_info)
        if try_in_mem_cache and fits_in_memory(source, split, shard_info):
            logging.info("Keeping the raw examples of task %r, split %r, in memory.", self.name, split)
            dataset = dataset.cache()
        if not use_cached:
            dataset = self.preprocess_precache(dataset, seed=seed)
        if num_epochs != 1:
            dataset = dataset.repeat(num_epochs)
        dataset = self.preprocess_postcache(dataset, sequence_length, seed=seed)
        check_output_features(self.name, dataset, self.output_features)
        if trim_output_features:
            dataset = trim_dataset(dataset, sequence_length, self.output_features)
        if buffer_size is not None:
            dataset = dataset.shuffle(buffer_size, seed=seed)
        return dataset.prefetch(tf.data.AUTOTUNE)

    def cached_source(self, split: str) -> CachedDataSource:
        """What `use_cached=True` reads: the offline cache as a source.

        Raises:
          NotCachedError: there is no offline cache.
          CacheError: the cache is not whole, does not match the task, or lacks the split.
        """
        placeholder = self._definition.cache_placeholder
        buffer_size = None if placeholder is None else placeholder.file_shuffle_buffer_size
        cache = offline_cache.cache_of(self.name)
        check_cached_split(self, cache, split)
        return CachedDataSource(self.name, cache.path, split, buffer_size)

    @contextlib.contextmanager
    def named_read_errors(
        self, split: str, use_cached: bool = False, shard_info: ShardInfo | None = None
    ) -> Iterator[None]:
        """To loop in over a dataset of this task: TensorFlow's errors about its data become ones that name the file.

        See `evalkit.data.named_read_errors`, which does this for a source.

        Args:
          split: that is read.
          use_cached: whether it is read from the offline cache.
          shard_info: the part of the split that is read; None: all.

        Raises:
          SourceError: the source cannot be read, or has another number of examples than it declares.
          CacheError: the same of the offline cache.
        """
        source: DataSource = self.source
        if use_cached:
            source = CachedDataSource(self.name, offline_cache.cache_of(self.name).path, split)
        try:
            with named_read_errors(source, split, shard_info):
                yield
        except errors.SourceError as error:
            if not use_cached:
                raise
            raise errors.CacheError(
                f"Task {self.name!r}, split {split!r}: its offline cache is not as it was written; cache it again. "
                f"{error}"
            ) from error

    def _check_caching(self, use_cached: bool) -> None:
        if use_cached and not self.supports_caching:
            raise errors.ArgumentError(
                f"Task {self.name!r} does not support caching, but was asked for with use_cached=True. Put a "
                "CacheDatasetPlaceholder among its preprocessors and cache it, or pass use_cached=False."
            )
        if self.requires_caching and not use_cached:
            raise errors.with_remedy(
                errors.ArgumentError(f"Task {self.name!r} requires caching, but was called with `use_cached=False`."),
                "Pass use_cached=True, or construct its CacheDatasetPlaceholder with required=False.",
            )

    def _buffer_size(self, requested: int | None) -> int | None:
        """The size of the shuffle buffer; None where the source shuffles well enough."""
        if self.shuffle_buffer_size is not None:
            return requested or self.shuffle_buffer_size
        if self.source.performs_internal_shuffling:
            return None
        raise errors.with_remedy(
            errors.ArgumentError(
                f"Shuffling is disallowed for Task {self.name!r} since its `shuffle_buffer_size` was set to `None` on "
                "construction."
            ),
            "Pass shuffle=False, or give the task a buffer size.",
        )
