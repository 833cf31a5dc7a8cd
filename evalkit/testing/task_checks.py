"""The single checks of `check_task`, each of which says where a task does not keep something."""

from __future__ import annotations

import collections
import itertools
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from evalkit import errors
from evalkit.data.feature import Feature
from evalkit.data.nesting import flatten_dict
from evalkit.data.reading import open_source
from evalkit.data.shard import ShardInfo
from evalkit.data.task import Task
from evalkit.metrics import Histogram, Scalar
from evalkit.testing.comparison import SHOWN, Example, raise_if, read_examples, report
from evalkit.testing.task_run import preprocess
from evalkit.testing.values import Closeness, difference, dtype_of, plain, shown
from evalkit.transforms.lengths import Length

MOST_SHARDED = 100_000
"""A source with more raw examples is not read several times without being asked to."""

EXACTLY = Closeness(0)
ABOUT = Closeness(1e-6, 1e-9, dtypes=False)


def check_shards(task: Task, split: str, seed: int, num_shards: Sequence[int]) -> None:
    """Checks that shards of the raw examples hold each of them once.

    Raises:
      AssertionError: they do not.
      ArgumentError: the source is too large to be read that often.
    """
    __tracebackhide__ = True
    if not num_shards:
        return
    count = task.num_input_examples(split) or 0
    if count > MOST_SHARDED:
        raise errors.ArgumentError(
            f"Task {task.name!r}: split {split!r} has {count} raw examples, which would be read several times. Pass "
            "rows, another split, or num_shards=() to leave the shards unchecked."
        )
    whole = _raw(task, split, False, seed, None)
    for shuffle in _shufflings(task):
        for number in num_shards:
            parts = [_raw(task, split, shuffle, seed, ShardInfo(index, number)) for index in range(number)]
            together = sum(parts, collections.Counter())
            lost, more = whole - together, together - whole
            if lost or more:
                raise AssertionError(
                    f"Task {task.name!r}: {number} shards of split {split!r} are no partition of its raw examples "
                    f"(shuffle={shuffle}): {_count(lost, 'in no shard')}; {_count(more, 'once too often')}. Look at "
                    f"list_shards and get_dataset of {task.source}."
                )


def check_seed(
    task: Task, split: str, sequence_length: Mapping[str, Length] | None, seed: int, num_examples: int | None
) -> list[dict[str, Any]]:
    """Checks that examples are the same whenever they are read with one seed, in order and shuffled.

    Returns:
      The examples in order.

    Raises:
      AssertionError: they are not the same.
      SourceError: there is none.
    """
    __tracebackhide__ = True
    examples: list[dict[str, Any]] = []
    for shuffle in reversed(_shufflings(task)):
        examples = preprocess(task, split, sequence_length, seed, num_examples, shuffle)
        again = preprocess(task, split, sequence_length, seed, num_examples, shuffle)
        if text := report(read_examples(again), read_examples(examples), EXACTLY):
            raise AssertionError(
                f"Task {task.name!r} is not repeatable: split {split!r} was read twice with seed {seed} "
                f"(shuffle={shuffle}). Draw random numbers from the seeds of map_over_dataset only.\n{text}"
            )
    if not examples:
        raise errors.SourceError(f"Task {task.name!r} has no examples in split {split!r}; nothing can be checked.")
    return examples


def check_features(task: Task, examples: Sequence[Example], sequence_length: Mapping[str, Length]) -> None:
    """Checks what the output features declare and no dataset's dtypes tell: ids and the end of a sequence.

    Raises:
      AssertionError: an example is not as declared.
    """
    __tracebackhide__ = True
    wrong = [
        f"example {index}, feature {name!r}: {problem}"
        for index, example in enumerate(examples)
        for name, feature in task.output_features.items()
        if name in example
        for problem in _problems(feature, example[name], sequence_length.get(name))
    ]
    if wrong:
        more = [f"… and {len(wrong) - SHOWN} more."] if len(wrong) > SHOWN else []
        lines = "\n".join([*wrong[:SHOWN], *more])
        raise AssertionError(f"Task {task.name!r}: examples are not what the output features declare:\n{lines}")


def check_metrics(task: Task, metrics: Mapping[str, Any], expected: Mapping[str, Any]) -> None:
    """Checks the metrics of targets that were judged against themselves.

    Raises:
      AssertionError: one is not finite, or not as expected.
    """
    __tracebackhide__ = True
    values = {name: value.value if isinstance(value, Scalar) else value for name, value in metrics.items()}
    lines = [f"metric {name!r} is {value}; expected finite numbers" for name, value in values.items() if _broken(value)]
    for name, value in expected.items():
        if name not in values:
            lines.append(f"there is no metric {name!r}; there are {', '.join(map(repr, values)) or 'none'}")
        elif text := difference(values[name], value, ABOUT):
            lines.append(f"metric {name!r}: {text}")
    if lines:
        raise_if("\n".join([f"Task {task.name!r}, targets judged against themselves:", *lines]))


def _shufflings(task: Task) -> list[bool]:
    """Whether a task can be read in order (always), and shuffled."""
    allowed = task.shuffle_buffer_size is not None or task.source.performs_internal_shuffling
    return [False, True] if allowed else [False]


def _raw(task: Task, split: str, shuffle: bool, seed: int, shard: ShardInfo | None) -> collections.Counter[str]:
    """How often each raw example occurs."""
    with task.named_read_errors(split):
        return collections.Counter(map(_key, open_source(task.source, split, shuffle, seed, shard)))


def _key(example: Any) -> str:
    flat = flatten_dict(example) if isinstance(example, Mapping) else {"": example}
    return repr(sorted((name, dtype_of(value), plain(value)) for name, value in flat.items()))


def _count(examples: collections.Counter[str], what: str) -> str:
    first = f", such as {shown(next(iter(examples)))}" if examples else ""
    return f"{examples.total()} are {what}{first}"


def _problems(feature: Feature, value: Any, length: Length) -> Iterator[str]:
    ids, vocabulary = plain(value), feature.vocabulary
    size = getattr(vocabulary, "vocab_size", None)
    if feature.dtype.is_integer and size:
        for wrong in itertools.islice((each for each in _leaves(ids) if not 0 <= each < size), 1):
            yield f"found id {wrong}, but the vocabulary has {size} ids, from 0"
    eos = vocabulary.eos_id
    is_cut = isinstance(length, int) and isinstance(ids, list) and len(ids) >= length
    if feature.add_eos and eos is not None and feature.rank == 1 and not is_cut and ids[-1:] != [eos]:
        yield (
            f"found {shown(ids[-1]) if ids else 'nothing'} at its end, but add_eos=True promises the id {eos}. Put "
            "append_eos among the preprocessors, or declare add_eos=False"
        )


def _leaves(value: Any) -> Iterator[Any]:
    if isinstance(value, list):
        for element in value:
            yield from _leaves(element)
    else:
        yield value


def _broken(value: Any) -> bool:
    array = np.asarray(plain(value.values if isinstance(value, Histogram) else value))
    return array.dtype.kind in "fc" and not np.isfinite(array).all()
