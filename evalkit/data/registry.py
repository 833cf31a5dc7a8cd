"""The registries: where task modules put tasks and mixtures, and where programs find them.

Their methods are class methods, so that nobody has to hand a registry around. `NameTable` does the work.

    >>> TaskRegistry.get("no_such_task")  # doctest: +ELLIPSIS
    Traceback (most recent call last):
    ...
    evalkit.errors.UnknownNameError: No task named 'no_such_task' is registered. ...
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, final

from absl import logging

from evalkit import errors
from evalkit.data.definition import Preprocessor
from evalkit.data.feature import Feature
from evalkit.data.mixing import MixtureRate
from evalkit.data.mixture import Mixture
from evalkit.data.name_table import MIXTURES, TASKS
from evalkit.data.name_table import disable_registry as disable_registry
from evalkit.data.name_table import scoped_registries as scoped_registries
from evalkit.data.provider_registry import ProviderRegistry
from evalkit.data.source_info import SourceInfo, calling_site
from evalkit.data.sources.source import DataSource
from evalkit.data.task import Task
from evalkit.data.task_parts import MetricFn


@final
class TaskRegistry(ProviderRegistry[Task]):
    """All tasks of the process, by name."""

    _table = TASKS
    _provider_type = Task

    @classmethod
    def add(
        cls,
        name: str,
        source: DataSource,
        output_features: Mapping[str, Feature],
        preprocessors: Sequence[Preprocessor] | None = None,
        postprocess_fn: Callable[..., Any] | None = None,
        metric_fns: Sequence[MetricFn] | None = None,
        metric_objs: Sequence[Any] | None = None,
        task_cls: type[Task] = Task,
        source_info: SourceInfo | None = None,
        *,
        override: bool = False,
        **kwargs: Any,
    ) -> Task:
        """Makes a task and registers it; see `Task` for the arguments that are not described here.

        Args:
          name: of the task.
          source: of the task.
          output_features: of the task.
          preprocessors: of the task.
          postprocess_fn: of the task.
          metric_fns: of the task.
          metric_objs: of the task.
          task_cls: `Task`, or a subclass of it.
          source_info: where the task is defined; None: the line that calls this.
          override: whether a previous registration of the name is to be replaced; otherwise it is an error.
          **kwargs: further arguments of `task_cls`.

        Returns:
          The task; None where `disable_registry` has disabled the registries, and nothing is made.

        Raises:
          DuplicateNameError: the name is taken; the message says where the first registration was.
          DefinitionError: the definition cannot work.
        """
        if cls._table.ignores(name):
            return None  # type: ignore[return-value]  # who disables the registries wants nothing of them
        cls._check_class(name, task_cls)
        site = calling_site()
        task = task_cls(
            name=name,
            source=source,
            output_features=output_features,
            preprocessors=preprocessors,
            postprocess_fn=postprocess_fn,
            metric_fns=metric_fns,
            metric_objs=metric_objs,
            source_info=source_info or site,
            **kwargs,
        )
        cls._table.add(name, task, site, override)
        return task


@final
class MixtureRegistry(ProviderRegistry[Mixture]):
    """All mixtures of the process, by name."""

    _table = MIXTURES
    _provider_type = Mixture

    @classmethod
    def add(
        cls,
        name: str,
        tasks: Iterable[Any],
        default_rate: MixtureRate | None = None,
        mixture_cls: type[Mixture] = Mixture,
        source_info: SourceInfo | None = None,
        *,
        override: bool = False,
        **kwargs: Any,
    ) -> Mixture:
        """Makes a mixture and registers it; see `Mixture` for the arguments that are not described here.

        Args:
          name: of the mixture.
          tasks: of the mixture.
          default_rate: of the mixture.
          mixture_cls: `Mixture`, or a subclass of it.
          source_info: where the mixture is defined; None: the line that calls this.
          override: whether a previous registration of the name is to be replaced; otherwise it is an error.
          **kwargs: further arguments of `mixture_cls`.

        Returns:
          The mixture; None where `disable_registry` has disabled the registries, and nothing is made.

        Raises:
          DuplicateNameError: the name is taken; the message says where the first registration was.
          UnknownNameError: a task or mixture in it is not registered.
          DefinitionError: the definition cannot work.
        """
        if cls._table.ignores(name):
            return None  # type: ignore[return-value]
        cls._check_class(name, mixture_cls)
        site = calling_site()
        mixture = mixture_cls(
            name=name,
            tasks=tasks,
            default_rate=default_rate,
            source_info=source_info or site,
            **kwargs,
        )
        cls._table.add(name, mixture, site, override)
        return mixture


def get_mixture_or_task(task_or_mixture_name: str) -> Task | Mixture:
    """The mixture or task of a name; the mixture, with a warning, if both have it.

    Raises:
      ArgumentTypeError: not a string.
      UnknownNameError: neither has the name; the message has the nearest names.
    """
    if not isinstance(task_or_mixture_name, str):
        raise errors.ArgumentTypeError(
            f"Expected the name of a task or mixture, found {task_or_mixture_name!r}. "
            "Use maybe_get_mixture_or_task where it may also be the object."
        )
    task, mixture = TASKS.find(task_or_mixture_name), MIXTURES.find(task_or_mixture_name)
    if task is not None and mixture is not None:
        logging.warning("%r is both a task and a mixture; taking the mixture.", task_or_mixture_name)
    found: Task | Mixture | None = mixture or task
    if found is None:
        raise errors.unknown_name("task or mixture", task_or_mixture_name, TASKS.names() | MIXTURES.names())
    return found


def maybe_get_mixture_or_task(task: Any) -> Task | Mixture:
    """The task or mixture itself, or the one of a name.

    Raises:
      ArgumentTypeError: neither a task, a mixture nor a string.
      UnknownNameError: a name that is not registered.
    """
    if isinstance(task, str):
        return get_mixture_or_task(task)
    if isinstance(task, (Task, Mixture)):
        return task
    raise errors.ArgumentTypeError(f"Expected a task, a mixture or the name of one, found {type(task).__name__}.")


def get_subtasks(task_or_mixture: Task | Mixture) -> list[Task]:
    """The tasks of a mixture, those of nested ones too, sorted by name; of a task, the task itself."""
    return [task_or_mixture] if isinstance(task_or_mixture, Task) else task_or_mixture.tasks
