"""Evaluates the tasks of a case; runs in both interpreters.

A metric's value is its type and, for a float, all its bits.
"""

from __future__ import annotations

import json
import math
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import tensorflow as tf

from tests.compat.differential.material import vocabulary


def exact(targets, predictions):
    return {"exact": float(np.mean([t == p for t, p in zip(targets, predictions, strict=True)]))}


def mean_length(targets, predictions):
    return {
        "mean_length": sum(len(p) / 3 for p in predictions) / len(targets),
        "target_letters": len("".join(map(str, targets))),
    }


def float32_overlap(targets, predictions):
    shares = [
        len(set(str(t)) & set(str(p))) / (1 + len(set(str(t)))) for t, p in zip(targets, predictions, strict=True)
    ]
    return {"overlap": np.mean(np.array(shares, np.float32)), "overlap_spread": np.std(shares)}


def types(targets, predictions):
    """What kinds of things the metric was handed, as numbers."""
    kinds = [type(value).__name__ for value in (targets, predictions, targets[0], predictions[0])]
    return {"kinds": sum(map(ord, "".join(kinds)))}


def mean_score(targets, scores):
    values = scores[0] if isinstance(scores, tuple) else scores
    return {"mean_score": np.mean(values), "first": values[0], "python_sum": sum(values), "scored": len(targets)}


def score_spread(targets, scores):
    values, extra = scores if isinstance(scores, tuple) else (scores, None)
    more = {} if extra is None else {"entropy": float(np.sum(extra["entropy"] * np.arange(len(values))))}
    return {"spread": float(np.std(values)), "sharpest": float(np.max(values)), **more}


def score_per_character(targets, scores):
    values = scores[0] if isinstance(scores, tuple) else scores
    return {"per_character": math.fsum(v / (1 + len(str(t))) for t, v in zip(targets, values, strict=True))}


def weighted(targets, predictions, aux_values):
    right = [t == p for t, p in zip(targets, predictions, strict=True)]
    return {"weighted": float(np.dot(right, aux_values["weight"])), "weights": float(np.sum(aux_values["weight"]))}


def vector_norm(targets, predictions, aux_values):
    lengths = [len(p) for p in predictions]
    return {
        "norm": float(np.dot(lengths, np.linalg.norm(np.asarray(aux_values["vector"]), axis=1))),
        "with_aux": len(targets),
    }


METRICS: dict[str, Callable[..., dict[str, Any]]] = {
    "exact": exact,
    "mean length": mean_length,
    "float32 overlap": float32_overlap,
    "types": types,
    "mean score": mean_score,
    "score spread": score_spread,
    "score per character": score_per_character,
    "weighted": weighted,
    "vector norm": vector_norm,
}


def last_word(decoded: str, **unused: Any) -> str:
    return decoded.split(" ")[-1].strip(".")


def inputs_and_role(decoded: str, example: Any, is_target: bool) -> str:
    """Uses all that a postprocess function is given."""
    fields = sorted(f"{name}:{np.asarray(value).dtype.kind}" for name, value in example.items())
    return f"{decoded}|{len(example['inputs'])}|{','.join(fields)}|{'' if is_target else decoded[::-1]}"


POSTPROCESS = {None: None, "last word": last_word, "inputs and role": inputs_and_role}


def run(lib: ModuleType, case: dict[str, Any], folder: Path) -> dict[str, Any]:
    """`{"metrics": {task: {metric: [type, value]}}, "rows": {task: the rows of the JSONL file}}`."""
    tasks = {task["name"]: task for task in case["tasks"]}
    for task in case["tasks"]:
        register(lib, task, vocabulary(lib, case["vocabulary"], folder))
    lib.MixtureRegistry.add(case["name"], list(tasks), default_rate=1)
    with tempfile.TemporaryDirectory() as log_dir:
        evaluator = lib.Evaluator(
            mixture_or_task_name=case["name"],
            feature_converter=lib.EncDecFeatureConverter(pack=False),
            eval_split="validation",
            logger_cls=[lib.JSONLogger],
            log_dir=log_dir,
            num_examples=case["num_examples"],
            use_memory_cache=case["use_memory_cache"],
            async_compute_metrics=case["async_compute_metrics"],
        )

        def task_of(dataset: Any) -> dict[str, Any]:
            return next(tasks[name] for name, cached in evaluator.cached_model_datasets.items() if cached is dataset)

        functions = {
            kind: (lambda dataset, kind=kind: outputs(task_of(dataset), kind, dataset))
            for kind in ("predict_fn", "score_fn", "predict_with_aux_fn")
        }
        future, _ = evaluator.evaluate(compute_metrics=True, step=7, **functions)
        metrics = future.result()
        evaluator.close()
        rows = {path.name: path.read_text().splitlines() for path in sorted(Path(log_dir).rglob("*-000007.jsonl"))}
    return {
        "metrics": {task: {name: exactly(value) for name, value in values.items()} for task, values in metrics.items()},
        "rows": {name: [json.loads(line) for line in lines] for name, lines in rows.items()},
    }


def register(lib: ModuleType, task: dict[str, Any], vocabulary: Any) -> None:
    feature = lib.Feature(vocabulary=vocabulary, add_eos=task["add_eos"])
    for index in task["right"]:
        put_right(task["predictions"][index], vocabulary.encode(task["rows"][index]["targets"]))
    columns = {name: [row[name] for row in task["rows"]] for name in ("inputs", "targets")}

    def dataset_fn(split: str, shuffle_files: bool = False, seed: int | None = None) -> tf.data.Dataset:
        del split, shuffle_files, seed
        return tf.data.Dataset.from_tensor_slices(columns)

    def tokenize(dataset: tf.data.Dataset, output_features: Any) -> tf.data.Dataset:
        copy = task["copy_pretokenized"]
        return lib.preprocessors.tokenize(dataset, output_features=output_features, copy_pretokenized=copy)

    lib.TaskRegistry.add(
        task["name"],
        source=lib.FunctionDataSource(dataset_fn, splits=["validation"]),
        preprocessors=[tokenize, lib.preprocessors.append_eos],
        output_features={"inputs": feature, "targets": feature},
        postprocess_fn=POSTPROCESS[task["postprocess"]],
        metric_fns=[METRICS[name] for name in task["metrics"]],
    )


def outputs(task: dict[str, Any], kind: str, dataset: Any) -> Any:
    """What the case's model returns for the examples of `dataset`, in the case's order."""
    present = {int(index) for index, _ in dataset.as_numpy_iterator()}
    order = [index for index in task["order"] if index in present]
    if kind == "predict_fn":
        return [(index, task["predictions"][index]) for index in order]
    if kind == "predict_with_aux_fn":
        aux = {name: [values[index] for index in order] for name, values in task["aux"].items()}
        return [(index, task["predictions"][index]) for index in order], aux
    scores = [(index, task["scores"][index]) for index in order]
    if task["intermediates"]:
        return scores, {"entropy": [task["aux"]["weight"][index] for index in order]}
    return scores


def put_right(prediction: list[Any], ids: Sequence[int]) -> None:
    """Makes a prediction, or the first of several, the target as far as it fits, an EOS and padding."""
    first = prediction[0] if isinstance(prediction[0], list) else prediction
    length = len(first)
    first[:] = [*ids, 1, *[0] * length][:length]


def exactly(value: Any) -> list[str]:
    return [type(value).__name__, float(value).hex() if isinstance(value, float | np.floating) else repr(int(value))]
