"""The rates of a mixture: what a definition may say, and what it comes to for each task.

A mixture has entries, tasks or other mixtures, each with a rate. The rate of an entry that is a mixture is divided
among its tasks in proportion to their rates in it; a task that is reached in several ways has the sum. Resolved from
the leaves up, each mixture once, so that deep mixtures of thousands of tasks cost next to nothing.
"""

from __future__ import annotations

import dataclasses
import math
import numbers
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, final

from absl import logging

from evalkit import errors
from evalkit.data.name_table import MIXTURES, TASKS
from evalkit.data.provider import DatasetProvider
from evalkit.data.task import Task

MixtureRate = float | Callable[[Any], float]


@final
@dataclasses.dataclass(frozen=True)
class Entry:
    """One entry of a mixture: a task or mixture, and its rate, a number or a function of it."""

    provider: Any
    rate: MixtureRate


def parse_entries(mixture: str, tasks: Iterable[Any], default_rate: MixtureRate | None) -> dict[str, Entry]:
    """The entries of a mixture by name, checked.

    Args:
      mixture: the name of the mixture, for messages.
      tasks: each a task, a mixture or the name of one, or a pair of that and a rate.
      default_rate: the rate of those without one.

    Raises:
      UnknownNameError: a name that is not registered.
      DefinitionError: no entry; an entry without a rate, or with one that cannot be one; two rates for one name.
    """
    entries: dict[str, Entry] = {}
    for item in tasks:
        named, rate = _split_item(mixture, item, default_rate)
        provider = _resolve(named)
        entry = Entry(provider, _checked_rate(mixture, provider.name, rate))
        _check_repeated(mixture, entries.get(provider.name), entry)
        entries[provider.name] = entry
    if not entries:
        raise errors.DefinitionError(f"Mixture {mixture!r} does not contain any tasks.")
    return entries


def rate_of(mixture: str, entry: Entry) -> float:
    """The rate of an entry as a number; a function is called with the task or mixture.

    Raises:
      DefinitionError: the function raised, or its result cannot be a rate.
    """
    if not callable(entry.rate):
        return float(entry.rate)
    name = entry.provider.name
    try:
        rate = entry.rate(entry.provider)
    except Exception as e:
        raise errors.DefinitionError(
            f"Mixture {mixture!r}: the rate function of {name!r} raised {type(e).__name__}: {e}."
        ) from e
    if callable(rate):
        raise errors.DefinitionError(
            f"Mixture {mixture!r}: the rate function of {name!r} returned {rate!r}, no number."
        )
    return float(_checked_rate(mixture, name, rate))  # type: ignore[arg-type]


def leaf_tasks(mixture: str, entries: Mapping[str, Entry]) -> list[Task]:
    """All tasks below `entries`, each once, sorted by name.

    Raises:
      DefinitionError: two different tasks have one name, or their output features differ in name.
    """
    tasks: dict[str, Task] = {}
    for entry in entries.values():
        for task in [entry.provider] if isinstance(entry.provider, Task) else entry.provider.tasks:
            if tasks.setdefault(task.name, task) is not task:
                raise errors.DefinitionError(
                    f"Mixture {mixture!r} reaches two different tasks named {task.name!r}, defined at "
                    f"{tasks[task.name].source_info} and {task.source_info}. Rename one."
                )
    found = sorted(tasks.values(), key=lambda task: task.name)
    for task in found[1:]:
        if tuple(task.output_features) != tuple(found[0].output_features):
            raise errors.DefinitionError(
                f"Mixture {mixture!r} contains tasks with different output features: {found[0].name!r} has "
                f"{', '.join(found[0].output_features)}, {task.name!r} has {', '.join(task.output_features)}."
            )
    return found


def check_compatible_features(mixture: str, tasks: Sequence[Task]) -> None:
    """Checks that tokens mean the same in all tasks.

    Raises:
      FeatureError: a feature has different vocabularies or dtypes.
    """
    first = tasks[0]
    for name, feature in first.output_features.items():
        for task in tasks[1:]:
            other = task.output_features[name]
            if other is feature:
                continue
            for part in ("vocabulary", "dtype"):
                if getattr(other, part) != getattr(feature, part):
                    raise errors.FeatureError(
                        f"Features across tasks in a mixture must use the same {part}: in mixture {mixture!r}, feature "
                        f"{name!r} has {getattr(feature, part)} in task {first.name!r} and {getattr(other, part)} in "
                        f"task {task.name!r}."
                    )


def _split_item(mixture: str, item: Any, default_rate: MixtureRate | None) -> tuple[Any, Any]:
    if isinstance(item, (str, DatasetProvider)):
        if default_rate is None:
            raise errors.DefinitionError(
                f"Mixture {mixture!r}: need a rate for each task, {getattr(item, 'name', item)!r} has none. "
                "Give a pair (task, rate), or a default_rate."
            )
        return item, default_rate
    try:
        named, rate = item
    except (TypeError, ValueError):
        named, rate = None, None
    if not isinstance(named, (str, DatasetProvider)):
        raise errors.DefinitionError(
            f"Mixture {mixture!r}: expected a task, a mixture, a name, or a pair of one and its rate, found {item!r}."
        )
    return named, rate


def _resolve(named: str | DatasetProvider) -> Any:
    if not isinstance(named, str):
        return named
    provider = TASKS.find(named) or MIXTURES.find(named)
    if provider is None:
        raise errors.unknown_name("task or mixture", named, TASKS.names() | MIXTURES.names())
    return provider


def _checked_rate(mixture: str, name: str, rate: Any) -> MixtureRate:
    if callable(rate):
        return rate  # type: ignore[no-any-return]
    if not isinstance(rate, numbers.Real) or not math.isfinite(rate) or rate <= 0:
        raise errors.DefinitionError(
            f"Mixture {mixture!r}: the rate of {name!r} must be a finite number greater than 0, or a function that "
            f"returns one, found {rate!r}. To leave it out, take it out of the list."
        )
    return rate  # type: ignore[return-value]


def _check_repeated(mixture: str, first: Entry | None, second: Entry) -> None:
    if first is None:
        return
    name = second.provider.name
    if first.provider is not second.provider:
        raise errors.DefinitionError(f"Mixture {mixture!r} lists two different things named {name!r}. Rename one.")
    if first.rate != second.rate:
        raise errors.DefinitionError(
            f"Mixture {mixture!r} lists {name!r} twice, with the rates {first.rate!r} and {second.rate!r}. Keep one."
        )
    logging.warning("Mixture %r lists %r twice; it counts once.", mixture, name)
