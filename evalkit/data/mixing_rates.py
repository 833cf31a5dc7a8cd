"""Rates of a mixture from what is known of its tasks: how many examples there are, or how many characters.

They are given as they are, or with arguments bound, in place of a number:

    Mixture("all", ["nli", "qa"], default_rate=functools.partial(mixing_rate_num_examples, temperature=2.0))

A temperature above 1 draws small tasks more often than their size says (Raffel et al. 2020, section 3.5.2,
https://arxiv.org/abs/1910.10683): rates become `rate ** (1 / temperature)`.
"""

from __future__ import annotations

from collections.abc import Mapping

from absl import logging

from evalkit import errors
from evalkit.data.provider import DatasetProvider
from evalkit.data.task import Task

_EXAMPLES = "examples"


def mixing_rate_num_examples(
    task: Task,
    maximum: float | None = None,
    scale: float = 1.0,
    temperature: float = 1.0,
    fallback_to_num_input_examples: bool = True,
    split: str = "train",
) -> float:
    """`min(examples * scale, maximum) ** (1 / temperature)`.

    Args:
      task: the task, which its mixture passes.
      maximum: what the scaled number is cut to; None for no limit.
      scale: what the number of examples is multiplied by.
      temperature: above 1, rates are nearer to each other than sizes are.
      fallback_to_num_input_examples: whether the raw examples of the source are counted where there is no offline
        cache, which has the number after preprocessing.
      split: of which split the examples are counted.

    Raises:
      ArgumentTypeError: not a task but a mixture.
      ArgumentError: an argument that is not above 0.
      NotCachedError: there is no offline cache, and the raw examples are not to be counted.
      CacheError: the cache does not have the split, or has no statistics of it.
      DefinitionError: the raw examples are to be counted, and the source does not know their number.
    """
    _check_task(task)
    _check_positive(maximum=maximum, scale=scale, temperature=temperature)
    if task.cache_dir or not fallback_to_num_input_examples:
        count = _statistic(task, split, _EXAMPLES)
    else:
        count = _num_input_examples(task, split)
        logging.warning("Task %r is not cached; its rate comes from %s raw examples.", task.name, count)
    scaled = count * scale if maximum is None else min(count * scale, maximum)
    return float(scaled ** (1.0 / temperature))


def mixing_rate_num_characters(task: Task, temperature: float = 1.0, char_count_name: str = "text_chars") -> float:
    """`characters ** (1 / temperature)` of the split "train", from the statistics of the offline cache.

    Args:
      task: the task, which its mixture passes.
      temperature: above 1, rates are nearer to each other than sizes are.
      char_count_name: which statistic has the characters; "<feature>_chars" is the name of those of a feature.

    Raises:
      ArgumentTypeError: not a task but a mixture.
      ArgumentError: the temperature is not above 0.
      NotCachedError: there is no offline cache.
      CacheError: the cache does not have the split, or not the statistic.
    """
    _check_task(task)
    _check_positive(temperature=temperature)
    return float(_statistic(task, "train", char_count_name) ** (1.0 / temperature))


def _check_task(task: object) -> None:
    if isinstance(task, DatasetProvider) and not isinstance(task, Task):
        name = getattr(task, "name", task)
        raise errors.ArgumentTypeError(f"{name!r} is no task, and has no statistics; give its rate as a number.")


def _check_positive(**arguments: float | None) -> None:
    for name, value in arguments.items():
        if value is not None and not value > 0:
            raise errors.ArgumentError(f"{name}={value} of a mixing rate; expected a number above 0.")


def _statistic(task: Task, split: str, name: str) -> float:
    stats: Mapping[str, float] = task.get_cached_stats(split)
    if name not in stats:
        raise errors.CacheError(
            f"The statistics of task {task.name!r}, split {split!r}, have no {name!r}; they have "
            f"{', '.join(sorted(stats))}. Name one of these, or cache the task again."
        )
    return stats[name]


def _num_input_examples(task: Task, split: str) -> int:
    if split not in task.splits:
        raise errors.DefinitionError(
            f"Task {task.name!r} has no split {split!r} to take a rate from; its splits are {', '.join(task.splits)}."
        )
    count = task.num_input_examples(split)
    if not count:
        raise errors.DefinitionError(
            f"Task {task.name!r} is not cached, and the number of examples of its source in split {split!r} is "
            f"{count}. Cache the task, tell the source its num_input_examples, or give the rate as a number."
        )
    return count
