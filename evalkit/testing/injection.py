"""Rows of a test in the place of a task's source, for the length of a block.

    with inject("my_task", {"test": [{"question": "1+1", "answer": "2"}]}) as task:
        ...

Nothing of the task is changed. The block has another task, equal but for its source, which the registry gives under
the same name; and mixtures that contain it likewise, those that contain them, too. After the block the registries give
what they gave before. An object that somebody looked up before the block is what it was, inside of the block as well.
"""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Mapping
from types import TracebackType
from typing import Any, final

import tensorflow as tf

from evalkit import errors
from evalkit.data.cache_placeholder import CacheDatasetPlaceholder
from evalkit.data.mixture import Mixture
from evalkit.data.name_table import MIXTURES, TASKS, NameTable, TableState
from evalkit.data.sources.source import DataSource
from evalkit.data.task import Task
from evalkit.testing.rows import Rows, source_of_rows


@final
class Injection(contextlib.AbstractContextManager[Task]):
    """A block in which a task has another source; see `inject`. It may be entered again, but not twice at a time."""

    def __init__(self, task: Task, source: DataSource) -> None:
        """Takes the task and its source within the block; nothing happens yet."""
        self._task = task
        self._source = source
        self._before: dict[NameTable[Any], tuple[TableState, dict[str, Any]]] = {}

    def __enter__(self) -> Task:
        if self._before:
            raise errors.ArgumentError(
                f"This injection into task {self._task.name!r} is entered already. Make another one: inject(...)."
            )
        replacement = _with_source(self._task, self._source)
        replacements: dict[int, Any] = {id(self._task): replacement}
        for table in (TASKS, MIXTURES):
            state = table.state()
            others = {
                name: other
                for name, provider in state.providers.items()
                if (other := _replaced(provider, self._task, replacements)) is not provider
            }
            self._before[table] = state, others
        for table, (state, others) in self._before.items():
            table.restore(state._replace(providers={**state.providers, **others}), sys.modules)
        return replacement

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        for table, (before, others) in self._before.items():
            now = table.state()
            before.move(others, now)
            table.restore(now, sys.modules)
        self._before = {}


def inject(task: str | Task, rows: Mapping[str, Rows], features: Mapping[str, Any] | None = None) -> Injection:
    """A block in which a task reads `rows`, and has the splits that these have.

        >>> from evalkit.demo.addition import ADDITION
        >>> from evalkit.data import TaskRegistry
        >>> with inject("addition", {"test": [{"question": "1+1=", "answer": "2"}]}) as task:
        ...     task is TaskRegistry.get("addition"), task.splits, task.num_input_examples("test")
        (True, ('test',), 1)
        >>> TaskRegistry.get("addition") is ADDITION
        True

    Preprocessors, features and metrics are the task's own. A task that requires its offline cache is read without one
    in the block. As the registries do, the block belongs to the process, not to a thread.

    Args:
      task: the task, or its name.
      rows: by split, what the source is to give: dictionaries, or a dataset of them.
      features: dtypes where Python's values do not tell them; see `source_of_rows`.

    Returns:
      A context manager that gives the task with the other source.

    Raises:
      UnknownNameError: no task has the name.
      ArgumentError: it is a mixture, or `rows` are none.
    """
    return Injection(task_of(task), source_of_rows(rows, features))


def inject_example(task_name: str | Task, per_split_data: Mapping[str, Any]) -> Injection:
    """A block in which each split of a task is one example; `inject` with the arguments of seqio's `DataInjector`.

    Args:
      task_name: the task, or its name.
      per_split_data: by split, the only example: whatever `tf.data.Dataset.from_tensors` takes, so that Python's
        numbers are int32 and float32.

    Raises:
      UnknownNameError: no task has the name.
      ArgumentError: it is a mixture, or there is no split.
    """
    datasets = {split: tf.data.Dataset.from_tensors(data) for split, data in per_split_data.items()}
    return inject(task_name, datasets)


def task_of(task: str | Task) -> Task:
    """The task of a name, or the task itself.

    Raises:
      UnknownNameError: no task has the name.
      ArgumentError: it is a mixture.
      ArgumentTypeError: it is something else.
    """
    found: Any = task
    if isinstance(task, str):
        found = TASKS.find(task) or MIXTURES.find(task) or TASKS.get(task)
    if isinstance(found, Mixture):
        raise errors.ArgumentError(
            f"{found.name!r} is a mixture; expected a task. Its tasks are {', '.join(t.name for t in found.tasks)}."
        )
    if not isinstance(found, Task):
        raise errors.ArgumentTypeError(f"Expected a task or the name of one, found {type(found).__name__}.")
    return found


def _with_source(task: Task, source: DataSource) -> Task:
    if not task.requires_caching:
        return task.replace(source=source)
    # There is no cache of these rows. The mark stays where it is, since the seeds of the steps after it depend on it.
    steps = [
        CacheDatasetPlaceholder(file_shuffle_buffer_size=step.file_shuffle_buffer_size)
        if isinstance(step, CacheDatasetPlaceholder)
        else step
        for step in task.preprocessors
    ]
    return task.replace(source=source, preprocessors=steps)


def _replaced(provider: Any, task: Task, replacements: dict[int, Any]) -> Any:
    """What stands for `provider` in the block: itself where it does not contain the task."""
    if not isinstance(provider, Mixture) or all(each is not task for each in provider.tasks):
        return replacements.get(id(provider), provider)
    if id(provider) not in replacements:
        entries = [(_replaced(part, task, replacements), rate) for part, rate in provider.entries]
        replacements[id(provider)] = provider.replace(provider.name, entries)
    return replacements[id(provider)]
