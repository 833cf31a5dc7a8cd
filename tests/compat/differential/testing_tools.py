"""Tests a task, or what a test expects of a dataset, with a library's test tools; runs in both interpreters."""

from __future__ import annotations

from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import tensorflow as tf

from tests.compat.differential.material import features, step
from tests.compat.exact import dataset_of, plain


def run(lib: ModuleType, case: dict[str, Any], folder: Path) -> Any:
    if case["kind"] == "differences":
        return differences(lib, folder)
    return task(lib, case, folder) if case["kind"] == "task" else expectation(lib, case)


def exact(targets, predictions):
    return {"exact": float(np.mean([t == p for t, p in zip(targets, predictions, strict=True)]))}


def mean_score(targets, scores):
    return {"mean_score": float(np.mean(scores)), "scored": len(targets)}


def task(lib: ModuleType, case: dict[str, Any], folder: Path) -> dict[str, Any]:
    """What becomes of the raw example, the metrics of the outputs, and the source after all that."""

    def dataset_fn(split: str, shuffle_files: bool, seed: int | None = None) -> tf.data.Dataset:
        return tf.data.Dataset.from_tensors({"inputs": "own", "targets": "own"})

    name, tools = case["name"], lib.test_utils
    lib.TaskRegistry.add(
        name,
        source=lib.FunctionDataSource(dataset_fn, splits=["train", "validation", "test"]),
        preprocessors=[step(lib, *each) for each in case["steps"]],
        output_features=features(lib, case["features"], folder),
        postprocess_fn=lambda text, **_: text.lower(),
        metric_fns=[exact, mean_score],
    )
    raw = {split: case["raw"] for split in case["splits"]}
    one = {case["splits"][-1]: case["raw"]}
    with tools.DataInjector(name, raw):
        injected = lib.get_mixture_or_task(name)
        splits = sorted(injected.splits)
        inside = values(injected.get_dataset(None, "validation", shuffle=False, seed=case["seed"]))
    metrics = tools.test_postprocessing(
        name,
        raw,
        predict_output=case["predictions"],
        score_output=case["scores"],
        sequence_length=case["judged_lengths"],
    )
    return {
        "several": values(tools.test_preprocessing(name, one, seed=case["seed"], sequence_length=case["lengths"])),
        "single": values([tools.test_preprocessing_single(name, one, case["seed"], case["lengths"])]),
        "inside": [splits, inside],
        "metrics": {key: float(value).hex() for key, value in metrics.items()},
        "ids": list(map(int, tools.encode_str(name, case["raw"]["inputs"]))),
        "prediction": [[index, list(map(int, ids))] for index, ids in tools.create_prediction(name, "yes", "inputs")],
        "after": values(lib.TaskRegistry.get(name).source.get_dataset("validation", shuffle=False)),
    }


def differences(lib: ModuleType, folder: Path) -> dict[str, Any]:
    """Where evalkit's tools are meant to do something else."""
    tools, slices = lib.test_utils, tf.data.Dataset.from_tensor_slices
    held = {
        "a number for an empty array": holds(tools.assert_dataset, slices({"a": tf.zeros([1, 0])}), {"a": 5}),
        "an array for a number": holds(tools.assert_dataset, slices({"a": [1]}), {"a": [1, 1]}),
    }
    text = {"vocabulary": "byte", "add_eos": True}
    parts = {
        "source": lib.FunctionDataSource(lambda split, shuffle_files: None, splits=["validation"]),
        "preprocessors": [lib.preprocessors.tokenize, lib.preprocessors.append_eos],
        "output_features": features(lib, {"inputs": text, "targets": text}, folder),
    }
    raw = {"inputs": "a", "targets": "b"}
    lib.TaskRegistry.add("predicted", metric_fns=[exact], **parts)
    lib.TaskRegistry.add("scored", metric_fns=[exact, mean_score], **parts)
    tests: dict[str, Any] = {
        "targets judged": lambda: tools.test_task("predicted", {"validation": raw})[1],
        "another split judged": lambda: tools.test_postprocessing("predicted", {"train": raw}, predict_output=["b"]),
        "no scores": lambda: tools.test_postprocessing("scored", {"validation": raw}, predict_output=["b"]),
        "a task in the block": lambda: tools.DataInjector("predicted", {"validation": raw}).__enter__() is not None,
    }
    for name, test in tests.items():
        try:
            held[name] = test()
        except Exception as error:  # noqa: BLE001 - which it is is the outcome
            held[name] = type(error).__name__
    return held


def values(examples: Any) -> list[Any]:
    """Examples with their dtypes and values as JSON."""
    if isinstance(examples, tf.data.Dataset):
        examples = examples.as_numpy_iterator()
    arrays = [{name: np.asarray(value) for name, value in sorted(example.items())} for example in examples]
    return [
        {name: [array.dtype.kind, array.dtype.itemsize, plain(array.tolist())] for name, array in example.items()}
        for example in arrays
    ]


def expectation(lib: ModuleType, case: dict[str, Any]) -> dict[str, Any]:
    """Whether each assertion holds."""
    tools, columns = lib.test_utils, case["columns"]
    dataset = dataset_of(columns)
    count = len(next(iter(columns.values()))["rows"])
    expected = [{name: column["rows"][row] for name, column in columns.items()} for row in range(count)]
    tolerance = {} if case["rtol"] is None else {"rtol": case["rtol"]}
    dtypes = change(case, expected)
    others = dataset_of({name: {**column, "rows": column["rows"][::-1]} for name, column in columns.items()})
    return {
        "dataset": holds(tools.assert_dataset, dataset, expected, dtypes, **tolerance),
        "single": holds(tools.assert_dataset, dataset.take(1), expected[0]) if expected else None,
        "equal": holds(tools.assert_datasets_eq, dataset, others),
        "not equal": holds(tools.assert_datasets_neq, dataset, others),
        "contains": holds(tools.assert_dict_contains, *(first(dataset, part) for part in (True, False))),
        "text": values(tools.dataset_as_text(dataset)),
    }


def first(dataset: tf.data.Dataset, part: bool) -> dict[str, Any]:
    """The first example, or one feature of it."""
    example = next(dataset.as_numpy_iterator())
    return dict([next(iter(example.items()))]) if part else example


def change(case: dict[str, Any], expected: list[dict[str, Any]]) -> dict[str, Any] | None:
    """Changes what is expected as the case says; gives the dtypes to ask for."""
    name, row, kind = case["feature"], expected[case["row"]], case["change"]
    dtype = tf.as_dtype(case["columns"][name]["dtype"])
    if kind == "value":
        row[name] = mapped(row[name], lambda leaf: "other" if isinstance(leaf, str) else leaf + 100)
    elif kind in ("near", "far apart", "float for integer") and dtype not in (tf.string, tf.bool):
        factor = {"near": 1 + 1e-9 if dtype == tf.float32 else 1, "far apart": 2}.get(kind, 1.0)
        row[name] = mapped(row[name], lambda leaf: leaf * factor)
    elif kind == "number of examples":
        expected.append(dict(row))
    elif kind == "lacking feature":
        row["another"] = 1
    elif kind == "more features":
        del row[name]
    elif kind == "length" and isinstance(row[name], list):
        row[name] = [*row[name], row[name][0]]
    elif kind == "one for each element" and isinstance(row[name], list):
        row[name] = leaf_of(row[name])
    return {"dtype": {name: tf.uint8}, "dtype asked for": {name: dtype}}.get(kind)


def mapped(value: Any, function: Any) -> Any:
    return [mapped(element, function) for element in value] if isinstance(value, list) else function(value)


def leaf_of(value: Any) -> Any:
    return leaf_of(value[0]) if isinstance(value, list) else value


def holds(assertion: Any, *arguments: Any, **options: Any) -> bool:
    try:
        assertion(*arguments, **options)
    except AssertionError:
        return False
    return True
