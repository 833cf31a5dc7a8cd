"""A mixture: tasks that are read as one dataset, each with its share."""

from __future__ import annotations

import copy
import functools
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Self

import tensorflow as tf
from absl import logging

from evalkit import errors
from evalkit.data.definition import check_name
from evalkit.data.feature import Feature
from evalkit.data.mixing import MixtureRate, check_compatible_features, leaf_tasks, parse_entries, rate_of
from evalkit.data.mixing_report import report_proportions
from evalkit.data.provider import DatasetProvider
from evalkit.data.shard import ShardInfo
from evalkit.data.source_info import SourceInfo
from evalkit.data.task import Task
from evalkit.transforms.lengths import Length

SampleFn = Callable[[Sequence[tf.data.Dataset], Sequence[float], int | None], tf.data.Dataset]

# The default way of mixing: draws at random, and ends when any dataset does.
sample_until_one_ends: SampleFn = functools.partial(tf.data.Dataset.sample_from_datasets, stop_on_empty_dataset=True)

# Reading in order and without a seed is to give the same examples every time; seqio's number.
_UNSHUFFLED_SEED = 42


class Mixture(DatasetProvider):
    """Tasks with rates; usually made by `MixtureRegistry.add`.

    Examples are drawn after preprocessing, each from a task chosen at random in proportion to the rates. Rates equal to
    the tasks' numbers of examples therefore draw every example equally often.
    """

    def __init__(
        self,
        name: str,
        tasks: Iterable[Any],
        default_rate: MixtureRate | None = None,
        sample_fn: SampleFn = sample_until_one_ends,
        source_info: SourceInfo | None = None,
    ) -> None:
        """Checks and keeps the definition; nothing is read, and no rate function is called.

        Args:
          name: letters, digits and `. : _ #`; unique in a registry.
          tasks: each a task, a mixture or the name of one, or a pair of that and its rate. A rate is a number greater
            than 0, or a function that is given the task (or mixture) and returns one; functions are called once, when
            a rate is first needed. The rate of a mixture is divided among its tasks; a task that is reached in several
            ways has the sum.
          default_rate: the rate of those without one.
          sample_fn: `sample_fn(datasets, rates, seed)` makes one dataset of several. The default draws at random, and
            ends when any dataset does.
          source_info: where the mixture is defined; `MixtureRegistry.add` finds it.

        Raises:
          UnknownNameError: a name that is not registered.
          DefinitionError: a name, rate or combination of tasks that cannot work.
        """
        check_name("Mixture", name)
        self._name = name
        self._sample_fn = sample_fn
        self._source_info = source_info
        self._entries = parse_entries(name, tasks, default_rate)
        self._tasks = leaf_tasks(name, self._entries)

    def __str__(self) -> str:
        return f"{type(self).__name__}(name={self.name}, tasks={[task.name for task in self._tasks]})"

    @property
    def name(self) -> str:
        """The name."""
        return self._name

    @property
    def source_info(self) -> SourceInfo | None:
        """Where the mixture was defined, if that is known."""
        return self._source_info

    @property
    def tasks(self) -> list[Task]:
        """All tasks, those of nested mixtures too, each once, sorted by name."""
        return list(self._tasks)

    @property
    def splits(self) -> Sequence[str]:
        """The splits that any task has, in the order in which they are first met."""
        return tuple(dict.fromkeys(split for task in self._tasks for split in task.splits))

    @property
    def output_features(self) -> Mapping[str, Feature]:
        """The output features, which all tasks have in common."""
        return self._tasks[0].output_features

    @property
    def entries(self) -> list[tuple[Any, MixtureRate]]:
        """The tasks and nested mixtures themselves, each with its rate as it was given."""
        return [(entry.provider, entry.rate) for entry in self._entries.values()]

    @property
    def rate_per_task_name(self) -> Mapping[str, MixtureRate]:
        """The rates as they were given, by the name of the task or nested mixture."""
        return {name: entry.rate for name, entry in self._entries.items()}

    @property
    def total_rate(self) -> float:
        """The sum of the rates of all tasks and nested mixtures."""
        return sum(self._entry_rates.values())

    def get_rate(self, task: Task) -> float:
        """The rate of a task, over all ways in which the mixture reaches it; 0.0 if it does not.

        Raises:
          DefinitionError: a rate function raised, or returned no rate.
        """
        return self._task_rates.get(task.name, 0.0)

    def replace(self, name: str, tasks: Iterable[Any]) -> Self:
        """A mixture of the same class with another name, other tasks, and nothing else changed; it is not registered.

        Args:
          name: as for the constructor.
          tasks: as for the constructor, all with their rates.

        Raises:
          UnknownNameError: a name that is not registered.
          DefinitionError: the new definition cannot work.
        """
        check_name("Mixture", name)
        replaced = copy.copy(self)
        for attribute in list(vars(replaced)):
            if isinstance(getattr(type(self), attribute, None), functools.cached_property):
                delattr(replaced, attribute)  # what was computed of the old tasks
        replaced._name = name
        replaced._entries = parse_entries(name, tasks, None)
        replaced._tasks = leaf_tasks(name, replaced._entries)
        return replaced

    @functools.cached_property
    def _entry_rates(self) -> dict[str, float]:
        return {name: rate_of(self.name, entry) for name, entry in self._entries.items()}

    @functools.cached_property
    def _task_rates(self) -> dict[str, float]:
        rates = dict.fromkeys((task.name for task in self._tasks), 0.0)
        nested = [entry.provider for entry in self._entries.values() if not isinstance(entry.provider, Task)]
        for mixture in nested:
            rate, total = self._entry_rates[mixture.name], mixture.total_rate
            for task in mixture.tasks:
                rates[task.name] += rate * mixture.get_rate(task) / total
        for name, entry in self._entries.items():
            if isinstance(entry.provider, Task):
                rates[name] += self._entry_rates[name]
        return rates

    def num_input_examples(self, split: str) -> int | None:
        """How many raw examples the tasks that have `split` have together, or None where one does not know."""
        counts = [task.num_input_examples(split) for task in self._tasks if split in task.splits]
        return None if None in counts else sum(count for count in counts if count is not None)

    def get_dataset(
        self,
        sequence_length: Mapping[str, Length] | None = None,
        split: str = "train",
        use_cached: bool = False,
        shuffle: bool = True,
        seed: int | None = None,
        shard_info: ShardInfo | None = None,
        num_epochs: int | None = None,
        copy_pretokenized: bool = False,
        compute_stats_empirically: bool = False,
        log_mixing_proportions: bool = True,
        passthrough_features: Sequence[str] | None = None,
        trim_output_features: bool = True,
        try_in_mem_cache: bool = True,
    ) -> tf.data.Dataset:
        """Opens a split of all tasks that have it, mixed; the others are left out, with a warning.

        Examples have only the output features, and those that are asked for below.

        Args:
          sequence_length: as for `Task.get_dataset`.
          split: one of `splits`.
          use_cached: as for `Task.get_dataset`, for every task.
          shuffle: as for `Task.get_dataset`.
          seed: as for `Task.get_dataset`; also decides from which task each example is drawn. Without one and without
            shuffling, that is the same every time.
          shard_info: the part of each task that is wanted.
          num_epochs: how often each task is repeated; None: forever.
          copy_pretokenized: keep `<feature>_pretokenized` of each output feature.
          compute_stats_empirically: for the logged proportions, read examples instead of cached statistics.
          log_mixing_proportions: log each task's share, when cached training data is read.
          passthrough_features: further features to keep.
          trim_output_features: as for `Task.get_dataset`.
          try_in_mem_cache: as for `Task.get_dataset`.

        Raises:
          ArgumentError: no task has the split.
          FeatureError: tasks differ in the vocabulary or dtype of a feature.
          DefinitionError: a rate function raised, or returned no rate.
        """
        check_compatible_features(self.name, self._tasks)
        tasks = self._tasks_with(split)
        rates = [self.get_rate(task) for task in tasks]
        keep = self._kept_features(copy_pretokenized, passthrough_features)
        datasets = [
            self.get_task_dataset(
                task,
                keep,
                sequence_length,
                split,
                use_cached,
                shuffle,
                seed,
                shard_info,
                num_epochs,
                trim_output_features,
                try_in_mem_cache,
            )
            for task in tasks
        ]
        sample_seed = _UNSHUFFLED_SEED if seed is None and not shuffle else seed
        mixed = self._sample_fn(datasets, rates, sample_seed)
        if log_mixing_proportions and split == "train" and use_cached:
            report_proportions(tasks, datasets, rates, mixed, sequence_length, compute_stats_empirically)
        return mixed

    def get_task_dataset(
        self,
        task: Task,
        output_feature_keys: set[str],
        sequence_length: Mapping[str, Length] | None = None,
        split: str = "train",
        use_cached: bool = False,
        shuffle: bool = True,
        seed: int | None = None,
        shard_info: ShardInfo | None = None,
        num_epochs: int | None = None,
        trim_output_features: bool = True,
        try_in_mem_cache: bool = True,
    ) -> tf.data.Dataset:
        """One task of the mixture, before mixing, with only the features in `output_feature_keys`.

        An error on the way has a note that names the mixture.
        """
        try:
            dataset = task.get_dataset(
                sequence_length=sequence_length,
                split=split,
                use_cached=use_cached,
                shuffle=shuffle,
                seed=seed,
                shard_info=shard_info,
                num_epochs=num_epochs,
                trim_output_features=trim_output_features,
                try_in_mem_cache=try_in_mem_cache,
            )
        except Exception as e:
            e.add_note(f"This was task {task.name!r} of mixture {self.name!r}, split {split!r}.")
            raise
        return dataset.map(
            lambda example: {name: value for name, value in example.items() if name in output_feature_keys},
            num_parallel_calls=tf.data.AUTOTUNE,
        )

    def _tasks_with(self, split: str) -> list[Task]:
        tasks = [task for task in self._tasks if split in task.splits]
        if not tasks:
            raise errors.ArgumentError(
                f"No task of mixture {self.name!r} has a split {split!r}; their splits are {', '.join(self.splits)}."
            )
        for task in self._tasks:
            if task not in tasks:
                logging.warning("Mixture %r: task %r has no split %r, skipping it.", self.name, task.name, split)
        return tasks

    def _kept_features(self, copy_pretokenized: bool, passthrough_features: Sequence[str] | None) -> set[str]:
        names = set(self.output_features)
        if copy_pretokenized:
            names |= {f"{name}_pretokenized" for name in names}
        return names | set(passthrough_features or ())
