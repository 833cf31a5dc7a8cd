"""`evalkit tasks show NAME`: a task's parts, the lengths of its examples, and the first few of them."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
from absl import flags
from tqdm import tqdm

import evalkit.feature_converters
from evalkit.cli import table
from evalkit.converter import FeatureConverter
from evalkit.data.name_table import TASKS
from evalkit.data.registry import TaskRegistry
from evalkit.data.signature import function_name
from evalkit.data.task import Task
from evalkit.errors import unknown_name
from evalkit.evaluation.task_metrics import metric_name
from evalkit.metrics.signature import ModelOutputType

WIDTH = 100
"""How many characters of a value are shown."""


def define_show_flags(values: flags.FlagValues) -> None:
    """Defines the flags of `evalkit tasks show`."""
    flags.DEFINE_string("split", None, "which split; by default the last", flag_values=values)
    flags.DEFINE_integer("num_examples", 2, "how many examples to show", lower_bound=1, flag_values=values)
    flags.DEFINE_integer(
        "measured", 10_000, "how many examples to read for their lengths", lower_bound=1, flag_values=values
    )
    flags.DEFINE_string(
        "converter",
        None,
        "such as EncDecFeatureConverter; by default the one that fits the features",
        flag_values=values,
    )


def show(values: flags.FlagValues, name: str) -> None:
    """Prints all of it.

    Raises:
      UnknownNameError: no task, or no converter, has this name.
    """
    task = TaskRegistry.get(name)
    split = values.split or task.splits[-1]
    converter = make_converter(values.converter, task)
    print(describe(task))
    tokenised = task.get_dataset(split=split, shuffle=False)
    lengths = measure(task, tokenised.take(values.measured))
    longest = {feature: int(numbers.max(initial=0)) for feature, numbers in lengths.items()}
    print(f"\nLengths in split {split!r}:\n{length_table(lengths)}")
    count = values.num_examples
    show_examples("raw", task.source.get_dataset(split, shuffle=False).take(count))
    show_examples("tokenised", tokenised.take(count))
    converted = converter(task.get_dataset(longest, split, shuffle=False).take(count), longest)
    show_examples(f"converted by {type(converter).__name__}, lengths {longest}", converted)


def make_converter(name: str | None, task: Task) -> FeatureConverter:
    """The converter of this name; without one, that for inputs and targets, for targets only, or the pass-through.

    Raises:
      UnknownNameError: there is no such converter.
    """
    known = {key: value for key, value in vars(evalkit.feature_converters).items() if key.endswith("FeatureConverter")}
    if name is None:
        features = set(task.output_features)
        fitting = {frozenset({"inputs", "targets"}): "EncDec", frozenset({"targets"}): "LM"}
        name = f"{fitting.get(frozenset(features), 'PassThrough')}FeatureConverter"
    if name not in known:
        raise unknown_name("feature converter", name, known)
    converter: FeatureConverter = known[name](pack=False)
    return converter


def describe(task: Task) -> str:
    """The parts of the task, a line each."""
    sizes = {split: task.num_input_examples(split) for split in task.splits}
    lines = {
        "registered": str(TASKS.site(task.name)),
        "source": str(task.source),
        "splits": ", ".join(split if size is None else f"{split} ({size:,})" for split, size in sizes.items()),
        "preprocessors": " → ".join(map(function_name, task.preprocessors)),
        "postprocess": function_name(task.postprocessor) if task.postprocessor else "nothing",
    }
    rows = [f"  {name:14}{text}" for name, text in lines.items()]
    for name, feature in task.output_features.items():
        vocabulary = type(feature.vocabulary).__name__
        rows.append(f"  {'feature':14}{name}: {feature.dtype.name}, rank {feature.rank}, {vocabulary}")
    for metric in task.metric_objs:
        rows.append(f"  {'metric':14}{metric_name(metric)} of {ModelOutputType.to_str(metric.model_output_type)}")
    return "\n".join([f"Task {task.name!r}", *rows])


def measure(task: Task, dataset: Iterable[Any]) -> dict[str, np.ndarray[Any, Any]]:
    """int64 `[examples]` by output feature: how long each example is."""
    lengths: dict[str, list[int]] = {name: [] for name, feature in task.output_features.items() if feature.rank}
    for example in tqdm(dataset, desc="measuring", unit=" examples", leave=False, disable=None):
        for name, measured in lengths.items():
            if name in example:
                measured.append(int(example[name].shape[0]))
    return {name: np.array(measured, np.int64) for name, measured in lengths.items()}


def length_table(lengths: Mapping[str, np.ndarray[Any, Any]]) -> str:
    """The distribution of lengths, a row a feature."""
    rows = []
    for name, numbers in lengths.items():
        quantiles = [int(q) for q in np.quantile(numbers, [0, 0.5, 0.99, 1])] if len(numbers) else [None] * 4
        rows.append([name, len(numbers), *quantiles])
    return table.render(["feature", "examples", "shortest", "median", "99 %", "longest"], rows)


def show_examples(title: str, dataset: Any) -> None:
    """Prints every feature of every example, in a line each."""
    for number, example in enumerate(dataset.as_numpy_iterator()):
        print(f"\nExample {number}, {title}:")
        width = max(map(len, example), default=0)
        for name, value in example.items():
            print(f"  {name:{width}}  {shown(value)}")


def shown(value: Any) -> str:
    """A value in at most a line: text in quotes, arrays as `dtype[shape] values`.

    >>> shown(b"2 + 2"), shown(np.array([5, 4], np.int32))
    ("'2 + 2'", 'int32[2] 5 4')
    """
    if isinstance(value, bytes):
        text = repr(value.decode(errors="replace"))
    elif isinstance(value, np.ndarray):
        first = " ".join(str(element) for element in itertools.islice(value.flat, WIDTH))
        text = f"{value.dtype}[{','.join(map(str, value.shape))}] {first}"
    else:
        text = repr(value)
    return text if len(text) <= WIDTH else f"{text[: WIDTH - 1]}…"
