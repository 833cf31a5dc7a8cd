"""Registers the tasks and mixtures of a case and opens one of them; runs in both interpreters."""

from __future__ import annotations

import functools
from collections.abc import Mapping
from pathlib import Path
from types import ModuleType
from typing import Any

import tensorflow as tf

from tests.compat.differential.dataset_files import SEPARATOR
from tests.compat.differential.material import features, step
from tests.compat.exact import outcome

RATES = {
    "letters": lambda task: float(len(task.name)),
    "examples": lambda task: task.num_input_examples(task.splits[0]),
}
SAMPLE = {"all": functools.partial(tf.data.Dataset.sample_from_datasets, stop_on_empty_dataset=False)}


def run(lib: ModuleType, case: dict[str, Any], folder: Path) -> dict[str, Any]:
    """The examples, and what a mixture says of its rates."""
    lib.set_global_cache_dirs([str(folder / "cache")])
    for task in case["tasks"]:
        register(lib, task, folder)
    for mixture in case["mixtures"]:
        entries = [
            name if rate is None else (name, RATES[rate] if isinstance(rate, str) else rate)
            for name, rate in mixture["entries"]
        ]
        more = {"sample_fn": SAMPLE[mixture["sample"]]} if mixture["sample"] in SAMPLE else {}
        lib.MixtureRegistry.add(mixture["name"], entries, default_rate=mixture["default_rate"], **more)
    found = lib.get_mixture_or_task(case["open"])
    return {
        "rates": rates(found, [lib.TaskRegistry.get(task["name"]) for task in case["tasks"]]),
        **outcome(functools.partial(opened, lib, case), case["taken"]),
    }


def opened(lib: ModuleType, case: dict[str, Any]) -> tf.data.Dataset:
    arguments = dict(case["arguments"])
    split = case["tasks"][0]["split"]
    if case.get("shard"):
        index, shards = case["shard"]
        arguments["shard_info"] = lib.ShardInfo(index=index, num_shards=shards)
    if "converter" not in case:
        return lib.get_mixture_or_task(case["open"]).get_dataset(split=split, **arguments)
    kind, its_arguments = case["converter"]
    converter = getattr(lib, kind)(**its_arguments)
    return lib.get_dataset(case["open"], case["lengths"], converter, dataset_split=split, **arguments)


def rates(provider: Any, tasks: list[Any]) -> Any:
    """Of every task, in all; None of a task."""
    if not hasattr(provider, "total_rate"):
        return None
    return {
        "tasks": [task.name for task in provider.tasks],
        "splits": sorted(provider.splits),
        "rates": [float(provider.get_rate(task)).hex() for task in tasks],
        "total": float(provider.total_rate).hex(),
        "examples": provider.num_input_examples("train"),
    }


def register(lib: ModuleType, task: Mapping[str, Any], folder: Path) -> None:
    def preprocessor(name: str, arguments: Mapping[str, Any]) -> Any:
        return lib.CacheDatasetPlaceholder(**arguments) if name == "cache" else step(lib, name, arguments)

    first = [split_lines(lib)] if task["source"]["kind"] == "lines" else []
    lib.TaskRegistry.add(
        task["name"],
        source=source(lib, task, folder),
        preprocessors=[*first, *(preprocessor(name, arguments) for name, arguments in task["steps"])],
        output_features=features(lib, task["features"], folder),
        shuffle_buffer_size=task["shuffle_buffer_size"],
    )


def split_lines(lib: ModuleType) -> Any:
    @lib.map_over_dataset
    def split_line(line):
        parts = tf.strings.split(line, SEPARATOR)
        return {"question": parts[0], "answer": parts[1]}

    return split_line


def source(lib: ModuleType, task: Mapping[str, Any], folder: Path) -> Any:
    described, split = task["source"], task["split"]
    known = {split: len(described["rows"])} if described["declares_its_length"] else None
    if described["kind"] == "function":
        columns = {name: [row[name] for row in described["rows"]] for name in ("question", "answer")}

        def dataset_fn(split: str, shuffle_files: bool, seed: int | None = None) -> tf.data.Dataset:
            del split
            dataset = tf.data.Dataset.from_tensor_slices(columns)
            return dataset.shuffle(10, seed=seed) if shuffle_files else dataset

        return lib.FunctionDataSource(dataset_fn, splits=[split], num_input_examples=known)
    files = {name: described[name] for name in ("file_shuffle_buffer_size", "cycle_length", "block_length")}
    if described["kind"] == "lines":
        pattern = {split: str(folder / f"{task['name']}-*.txt")}
        return lib.TextLineDataSource(pattern, num_input_examples=known, **files)
    pattern = {split: [str(folder / f"{task['name']}-{number}.tfrecord") for number in range(described["files"])]}
    description = {name: tf.io.FixedLenFeature([], tf.string) for name in ("question", "answer")}
    return lib.TFExampleDataSource(pattern, description, num_input_examples=known, **files)
