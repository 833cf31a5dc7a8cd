"""Deriving a mixture: all of its tasks are derived, and put together as they were."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from evalkit import errors
from evalkit.data import Mixture, MixtureRegistry, Task, TaskRegistry

Derive = Callable[[Task, str], Task]


def derived(provider: Task | Mixture, new_name: str, derive: Derive, *, register: bool) -> Task | Mixture:
    """The task that `derive` makes of a task, or a mixture of those that it makes of a mixture's tasks.

    The parts of a mixture `mix` that becomes `new` are called `new.task`, `new.nested`, `new.nested.task`.

    Args:
      provider: the original.
      new_name: what the result is called.
      derive: is given a task and the name of the one to make of it.
      register: whether the result and, of a mixture, all of its parts are registered.

    Raises:
      DuplicateNameError: one of the names is taken; then nothing is registered.
      DefinitionError: a task cannot be derived, or a name cannot be one.
    """
    made: list[Task | Mixture] = []

    def visit(original: Any, name: str) -> Task | Mixture:
        if isinstance(original, Task):
            new: Task | Mixture = derive(original, name)
        else:
            parts = [(visit(part, f"{name}.{part.name}"), rate) for part, rate in original.entries]
            new = original.replace(name=name, tasks=parts)
        made.append(new)
        return new

    result = visit(provider, new_name)
    if register:
        register_all(made)
    return result


def register_all(providers: Iterable[Task | Mixture]) -> None:
    """Registers tasks and mixtures by their names, all or none; what is registered already as this object is passed.

    Raises:
      DuplicateNameError: a name is taken by something else.
    """
    added: list[Task | Mixture] = []
    try:
        for provider in providers:
            if registered(provider) is not provider:
                _registry_of(provider).add_provider(provider.name, provider)
                added.append(provider)
    except errors.DuplicateNameError:
        for provider in added:
            _registry_of(provider).remove(provider.name)
        raise


def registered(provider: Task | Mixture) -> Any:
    """What is registered under the name of `provider`, among those of its kind; None: nothing."""
    registry = _registry_of(provider)
    return registry.get(provider.name) if provider.name in registry.names() else None


def _registry_of(provider: Task | Mixture) -> Any:
    return TaskRegistry if isinstance(provider, Task) else MixtureRegistry
