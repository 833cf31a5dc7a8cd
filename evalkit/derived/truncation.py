"""The same task with less data."""

from __future__ import annotations

from collections.abc import Mapping

from evalkit.data import Mixture, Task, TruncatedDatasetProvider, maybe_get_mixture_or_task
from evalkit.derived.derivation import derived


def mixture_or_task_with_truncated_data(
    mixture_or_task: Task | Mixture | str,
    new_mixture_or_task_name: str,
    *,
    split_sizes: Mapping[str, int],
    add_to_seqio_registry: bool = True,
) -> Task | Mixture:
    """A task, or a mixture of all its tasks, that reads only the first examples; see `TruncatedDatasetProvider`.

    Args:
      mixture_or_task: the original, or its name.
      new_mixture_or_task_name: what the result is called; a task of a mixture is called `<this>.<its name>`.
      split_sizes: the most raw examples of each split, in a mixture of each task; other splits are read whole.
      add_to_seqio_registry: whether to register the result, and all tasks and nested mixtures of a mixture.

    Returns:
      The new task or mixture.

    Raises:
      ArgumentError: a size is less than 1.
      UnknownNameError: nothing is registered under the name of the original.
      DuplicateNameError: a name is taken; then nothing is registered.
    """

    def derive(task: Task, name: str) -> Task:
        source = TruncatedDatasetProvider(task.source, split_sizes, task.shuffle_buffer_size)
        return task.replace(name=name, source=source)

    original = maybe_get_mixture_or_task(mixture_or_task)
    return derived(original, new_mixture_or_task_name, derive, register=add_to_seqio_registry)
