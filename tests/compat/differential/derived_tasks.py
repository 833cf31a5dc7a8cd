"""Derives the task of a case and reads it; runs in both interpreters."""

from __future__ import annotations

from pathlib import Path
from types import ModuleType
from typing import Any

import tensorflow as tf

from tests.compat.exact import builtin, outcome, plain

Case = dict[str, Any]


def run(lib: ModuleType, case: Case, folder: Path) -> dict[str, Any]:
    """What `KINDS` asks for: examples mostly, names and rates."""
    lib.TaskRegistry.reset()
    lib.MixtureRegistry.reset()
    return KINDS[case["kind"].split(",")[0]](lib, {**case, "folder": folder})


def source(lib: ModuleType, case: Case, splits: tuple[str, ...] = ("train", "test")) -> Any:
    """Numbers, in order, those of the training split above 100."""

    def dataset_fn(split: str, shuffle_files: bool, seed: int | None = None) -> tf.data.Dataset:
        del shuffle_files, seed
        start = 100 if split == "train" else 0
        return tf.data.Dataset.range(start, start + case["rows"][split])

    return lib.FunctionDataSource(dataset_fn, splits=splits)


def texts(dataset: tf.data.Dataset) -> tf.data.Dataset:
    return dataset.map(lambda n: {"inputs": tf.strings.as_string(n), "targets": tf.strings.as_string(-n), "id": n})


def ids(dataset: tf.data.Dataset) -> tf.data.Dataset:
    """Up to nine inputs and six targets, counted up from the number of the example."""

    def count(number: Any) -> dict[str, Any]:
        n = tf.cast(number, tf.int32)
        return {"inputs": tf.range(n, n + n % 10), "targets": tf.range(n, n + n % 7)}

    return dataset.map(count)


def features(lib: ModuleType, **kwargs: Any) -> dict[str, Any]:
    return {name: lib.Feature(lib.PassThroughVocabulary(500, eos_id=1), **kwargs) for name in ("inputs", "targets")}


def read(lib: ModuleType, case: Case, provider: Any, lengths: Any = None) -> dict[str, Any]:
    shard = lib.ShardInfo(*case["shard"])
    return outcome(lambda: provider.get_dataset(lengths, shard_info=shard, **case["reading"]), limit=40)


def fewshot(lib: ModuleType, case: Case) -> dict[str, Any]:
    steps = [texts]
    fewshot_source = lib.experimental.FewshotDataSource(
        source(lib, case), train_preprocessors=steps, eval_preprocessors=steps, **case["source"]
    )

    def prompt(dataset: tf.data.Dataset) -> tf.data.Dataset:
        return lib.experimental.fewshot_preprocessor(dataset, **case["prompt"])

    strings = {name: lib.Feature(lib.ByteVocabulary(), dtype=tf.string, rank=0) for name in ("inputs", "targets")}
    task = lib.TaskRegistry.add("task", source=fewshot_source, output_features=strings, preprocessors=[prompt])
    return read(lib, case, task)


def truncated(lib: ModuleType, case: Case) -> dict[str, Any]:
    lib.TaskRegistry.add("task", source=source(lib, case), output_features=features(lib), preprocessors=[ids])
    new = lib.helpers.mixture_or_task_with_truncated_data("task", "new", split_sizes=case["sizes"])
    return {**read(lib, case, new), "count": new.num_input_examples(case["reading"]["split"])}


def truncated_files(lib: ModuleType, case: Case) -> dict[str, Any]:
    folder = case["folder"]
    for index in range(2):
        (folder / f"lines-{index}.txt").write_text("line\n" * 10, encoding="utf-8")
    lines = lib.TextLineDataSource({"train": str(folder / "lines-*.txt")})
    text = {"text": lib.Feature(lib.ByteVocabulary(), dtype=tf.string, rank=0)}
    steps = [lambda dataset: dataset.map(lambda line: {"text": line})]
    lib.TaskRegistry.add("task", source=lines, output_features=text, preprocessors=steps)
    return read(lib, case, lib.helpers.mixture_or_task_with_truncated_data("task", "new", split_sizes=case["sizes"]))


def fully_cached(lib: ModuleType, case: Case) -> dict[str, Any]:
    def append(dataset: tf.data.Dataset, sequence_length: Any, output_features: Any) -> tf.data.Dataset:
        return dataset.map(lambda x: {k: tf.concat([x[k], [sequence_length[k]]], 0) for k in output_features})

    lib.TaskRegistry.add(
        "task",
        source=source(lib, case),
        output_features=features(lib),
        preprocessors=[ids, lib.CacheDatasetPlaceholder(), append, lib.preprocessors.append_eos_after_trim],
    )
    lib.MixtureRegistry.add("mix", [("task", 3)])
    mixture = lib.experimental.add_fully_cached_mixture("mix", case["lengths"])
    [task] = mixture.tasks
    raw = task.source.get_dataset(case["reading"]["split"], shuffle=False)
    return {
        **outcome(lambda: task.preprocess_precache(raw, seed=1)),
        "names": [mixture.name, task.name],
        "rate": mixture.get_rate(task),
    }


def sentinels(lib: ModuleType, case: Case) -> dict[str, Any]:
    steps = [ids] + ([getattr(lib.preprocessors, case["ending"])] if case["ending"] else [])
    lib.TaskRegistry.add(case["name"], source=source(lib, case), output_features=features(lib), preprocessors=steps)
    lib.experimental.add_task_with_sentinels(case["name"], case["number"])
    [name] = set(lib.TaskRegistry.names()) - {case["name"]}
    return {**read(lib, case, lib.TaskRegistry.get(name), case["lengths"]), "name": name}


def new_vocabulary(lib: ModuleType, case: Case) -> dict[str, Any]:
    for name in ("a", "b"):
        lib.TaskRegistry.add(name, source=source(lib, case), output_features=features(lib), preprocessors=[ids])
    first, second, third, fourth = case["rates"]
    lib.MixtureRegistry.add("inner", [("a", first), ("b", lambda task: second)])
    lib.MixtureRegistry.add("outer", [("inner", third), ("a", fourth)])
    new = lib.helpers.mixture_or_task_with_new_vocab(
        "outer", "new", new_vocab=lib.ByteVocabulary(), add_to_seqio_registry=case["registered"]
    )
    return {
        **read(lib, case, new),
        "rates": {task.name: round(new.get_rate(task), 9) for task in new.tasks},
        "registered": sorted([*lib.TaskRegistry.names(), *lib.MixtureRegistry.names()]),
    }


def missing_splits(lib: ModuleType, case: Case) -> dict[str, Any]:
    for name, splits in (("both", ("train", "test")), ("one", ("train",)), ("other", ("test",))):
        lib.TaskRegistry.add(name, source=source(lib, case, splits), output_features=features(lib), preprocessors=[ids])
    lib.MixtureRegistry.add("mix", list(zip(("both", "one", "other"), case["rates"], strict=True)))
    new = lib.helpers.mixture_with_missing_task_splits_removed("mix", case["reading"]["split"], "new")
    return {**read(lib, case, new), "rates": plain(sorted(new.rate_per_task_name.items()))}


def parts(lib: ModuleType, case: Case) -> dict[str, Any]:
    """What a task has, and what is left of it in `case["derivation"]`."""

    class Timed(lib.Task):
        pass

    class Count(lib.metrics.Metric):
        model_output_type = lib.metrics.ModelOutputType.PREDICTION

        def from_model_output(self, *args: Any, **kwargs: Any) -> Any:
            raise NotImplementedError

        def compute(self) -> Any:
            raise NotImplementedError

    def exact(targets: Any, predictions: Any) -> dict[str, float]:
        raise NotImplementedError

    task = Timed(
        "task",
        source=source(lib, case),
        output_features=features(lib),
        preprocessors=[ids],
        metric_fns=[exact],
        metric_objs=[Count],
        shuffle_buffer_size=7,
        source_info=lib.SourceInfo("tasks.py", 3),
    )
    lib.TaskRegistry.add_provider("task", task)
    module, function, arguments = case["derivation"]
    if arguments.pop("vocabulary", False):
        arguments["new_vocab"] = lib.ByteVocabulary()
    getattr(getattr(lib, module), function)("task", **arguments)
    [name] = set(lib.TaskRegistry.names()) - {"task"}
    new = lib.TaskRegistry.get(name)
    return {
        "class": type(new).__name__,
        "metric_objs": sum(metric is Count for metric in new.metric_objs),
        "metric_fns": len(new.metric_fns),
        "shuffle_buffer_size": new.shuffle_buffer_size,
        "source_info": bool(new.source_info and new.source_info.file_path == "tasks.py"),
    }


def nested_fully_cached(lib: ModuleType, case: Case) -> dict[str, Any]:
    lib.TaskRegistry.add("task", source=source(lib, case), output_features=features(lib), preprocessors=[ids])
    lib.MixtureRegistry.add("inner", [("task", 2)])
    lib.MixtureRegistry.add("outer", [("inner", 3)])
    try:
        mixture = lib.experimental.add_fully_cached_mixture("outer", {"inputs": 3, "targets": 3})
        return {"rates": [mixture.get_rate(task) for task in mixture.tasks]}
    except Exception as error:  # noqa: BLE001 - what went wrong is the outcome
        return {"error": builtin(error)}


KINDS = {
    "fewshot": fewshot,
    "truncated": truncated,
    "truncated_files": truncated_files,
    "fully_cached": fully_cached,
    "sentinels": sentinels,
    "new_vocabulary": new_vocabulary,
    "missing_splits": missing_splits,
    "parts": parts,
    "nested_fully_cached": nested_fully_cached,
}
