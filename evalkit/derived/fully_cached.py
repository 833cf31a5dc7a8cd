"""Tasks that are cached after their last preprocessor, so that training does nothing but read.

An ordinary cached task runs the preprocessors behind its `CacheDatasetPlaceholder` at every reading, mostly because
these need the sequence lengths. Here the lengths are fixed when the task is defined, and everything is cached.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any, final

import tensorflow as tf

from evalkit import errors
from evalkit.data import CacheDatasetPlaceholder, Feature, Mixture, MixtureRegistry, Task, TaskRegistry
from evalkit.data.definition import Preprocessor
from evalkit.data.signature import function_name, parameter_names
from evalkit.derived.derivation import register_all, registered
from evalkit.transforms import add_kwargs_to_transform


def add_fully_cached_task(task_name: str, sequence_length: Mapping[str, int], disallow_shuffling: bool = False) -> Task:
    """Registers a task whose examples are cached as the preprocessors of `task_name` leave them at these lengths.

    It is called after the lengths, `<task>_i512_t128` for 512 inputs and 128 targets, and can only be read from its
    cache, with these lengths or with None. Adding it again gives the same task.

    Args:
      task_name: of a registered task. Its own placeholder, if it has one, does not count.
      sequence_length: the lengths that its preprocessors are given.
      disallow_shuffling: whether the examples are to be read in the order of the cache only.

    Returns:
      The new task.

    Raises:
      UnknownNameError: no task has the name.
      ArgumentError: no lengths, one less than 1, or one of a feature that the task does not have.
      DefinitionError: the source may not be cached.
      DuplicateNameError: the name is taken by something else.
    """
    new: Task = _add(TaskRegistry.get(task_name), task_name, _Plan(dict(sequence_length), disallow_shuffling))
    return new


def add_fully_cached_mixture(
    mixture_name: str, sequence_length: Mapping[str, int], disallow_shuffling: bool = False
) -> Mixture:
    """Registers a mixture of fully cached tasks, with the rates of `mixture_name`, and these tasks.

    Nested mixtures are registered in the same way. For names, arguments and errors, see `add_fully_cached_task`.

    Returns:
      The new mixture.
    """
    mixture = MixtureRegistry.get(mixture_name)
    new: Mixture = _add(mixture, mixture_name, _Plan(dict(sequence_length), disallow_shuffling))
    return new


@final
@dataclasses.dataclass(frozen=True)
class AtFixedLengths:
    """A preprocessor of the original, which is given the lengths of the cache instead of those of the reader."""

    step: Preprocessor
    lengths: Mapping[str, int]
    output_features: Mapping[str, Feature] | None = None  # filled in when the task is read

    @property
    def __name__(self) -> str:
        return function_name(self.step)

    def __call__(self, dataset: tf.data.Dataset) -> tf.data.Dataset:
        """What the preprocessor makes of `dataset`."""
        step = add_kwargs_to_transform(self.step, sequence_length=self.lengths, output_features=self.output_features)
        return step(dataset)


@final
@dataclasses.dataclass(frozen=True)
class OnlyFixedLengths:
    """The last preprocessor: refuses a reader who wants other lengths than those of the cache."""

    task_name: str
    lengths: Mapping[str, int]
    sequence_length: Mapping[str, Any] | None = None  # filled in when the task is read

    def __call__(self, dataset: tf.data.Dataset) -> tf.data.Dataset:
        """`dataset` as it is.

        Raises:
          ArgumentError: other lengths are asked for.
        """
        if self.sequence_length is not None and dict(self.sequence_length) != self.lengths:
            raise errors.ArgumentError(
                f"Fully-cached task {self.task_name!r} can only be loaded with `sequence_length={self.lengths}` or "
                f"`None`. Given sequence_length={dict(self.sequence_length)}."
            )
        return dataset


@final
@dataclasses.dataclass(frozen=True)
class _Plan:
    lengths: Mapping[str, int]
    disallow_shuffling: bool

    def __post_init__(self) -> None:
        if not self.lengths:
            raise errors.ArgumentError("sequence_length is empty; a fully cached task has a length for its features.")
        for name, length in self.lengths.items():
            if not isinstance(length, int) or length < 1:
                raise errors.ArgumentError(
                    f"sequence_length[{name!r}] must be a number of at least 1, found {length!r}."
                )

    def name_of(self, original: str) -> str:
        """The name with the lengths, each behind the shortest beginnings of the features' names that differ."""
        sizes = range(max(map(len, self.lengths)) + 1)
        size = next(size for size in sizes if len({name[:size] for name in self.lengths}) == len(self.lengths))
        return "_".join([original, *(f"{name[:size]}{length}" for name, length in self.lengths.items())])

    def task(self, task: Task, name: str) -> Task:
        """The fully cached task, not registered."""
        for feature in self.lengths:
            if feature not in task.output_features:
                raise errors.ArgumentError(
                    f"sequence_length has {feature!r}, but task {task.name!r} has the output features "
                    f"{', '.join(task.output_features)}."
                )
        files = None
        steps: list[Preprocessor] = []
        for step in task.preprocessors:
            if isinstance(step, CacheDatasetPlaceholder):
                files = step.file_shuffle_buffer_size
            else:
                takes_lengths = "sequence_length" in parameter_names(step)
                steps.append(AtFixedLengths(step, self.lengths) if takes_lengths else step)
        cached = CacheDatasetPlaceholder(required=True, file_shuffle_buffer_size=files)
        return task.replace(
            name=name,
            preprocessors=[*steps, cached, OnlyFixedLengths(name, self.lengths)],
            shuffle_buffer_size=None if self.disallow_shuffling else task.shuffle_buffer_size,
        )


def _add(original: Task | Mixture, original_name: str, plan: _Plan) -> Any:
    made: dict[int, Any] = {}

    def visit(provider: Any, name: str) -> Any:
        if id(provider) in made:  # a mixture may reach a task in several ways
            return made[id(provider)]
        if isinstance(provider, Task):
            new: Any = plan.task(provider, name)
        else:
            parts = [(visit(part, plan.name_of(part.name)), rate) for part, rate in provider.entries]
            new = provider.replace(name=name, tasks=parts)
        existing = registered(new)
        made[id(provider)] = existing if existing is not None and _same(existing, new) else new
        return made[id(provider)]

    result = visit(original, plan.name_of(original_name))
    register_all(made.values())
    return result


def _same(one: Task | Mixture, other: Task | Mixture) -> bool:
    if isinstance(one, Mixture) and isinstance(other, Mixture):
        return type(one) is type(other) and one.entries == other.entries
    if not isinstance(one, Task) or not isinstance(other, Task) or type(one) is not type(other):
        return False
    steps = [[s for s in task.preprocessors if not isinstance(s, CacheDatasetPlaceholder)] for task in (one, other)]
    return (
        steps[0] == steps[1]
        and one.source is other.source
        and dict(one.output_features) == dict(other.output_features)
        and one.postprocessor is other.postprocessor
        and one.metric_fns == other.metric_fns
        and one.shuffle_buffer_size == other.shuffle_buffer_size
    )
