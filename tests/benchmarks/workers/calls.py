"""How often a preprocessor and a converter run per example, over construction and three evaluates."""

from __future__ import annotations

import collections
from types import ModuleType
from typing import Any

import tensorflow as tf

from tests.benchmarks import measure, subject

EVALUATES = 3


def main() -> None:
    asked = measure.request()
    lib = subject.load(asked["subject"])
    calls: collections.Counter[str] = collections.Counter()

    def counting(what: str, dataset: Any) -> Any:
        def count(index: Any) -> Any:
            calls[what] += 1
            return index

        def step(index: Any, example: Any) -> Any:
            with tf.control_dependencies([tf.py_function(count, [index], tf.int64)]):
                return {name: tf.identity(value) for name, value in example.items()}

        shapes = {name: spec.shape for name, spec in dataset.element_spec.items()}
        counted = dataset.enumerate().map(step)
        return counted.map(lambda row: {name: tf.ensure_shape(value, shapes[name]) for name, value in row.items()})

    subject.register(
        lib,
        asked["folder"],
        asked["examples"],
        more_preprocessors=[lambda dataset: counting("preprocessor", dataset)],
    )
    evaluator = lib.Evaluator(
        mixture_or_task_name=subject.TASK,
        feature_converter=counting_converter(lib, counting)(pack=False),
        eval_split=subject.SPLIT,
        use_memory_cache=asked["use_memory_cache"],
    )
    pairs = subject.outputs(asked["folder"], asked["examples"])
    history = {"construction": dict(calls)}
    for step in range(EVALUATES):

        def predict_fn(dataset: Any) -> Any:
            for _ in dataset.batch(128):
                pass
            return pairs

        evaluator.evaluate(compute_metrics=True, step=step, predict_fn=predict_fn)[0].result()
        history[f"after evaluate {step + 1}"] = dict(calls)
    evaluator.close()
    measure.reply(
        {
            "preprocessor": calls["preprocessor"] / asked["examples"],
            "converter": calls["converter"] / asked["examples"],
            "history": history,
        }
    )


def counting_converter(lib: ModuleType, counting: Any) -> type:
    """A user's own converter (the targets alone, padded) that counts its examples."""
    spec = lib.FeatureConverter.FeatureSpec

    class CountingConverter(lib.FeatureConverter):  # type: ignore[name-defined]
        TASK_FEATURES = {"inputs": spec(dtype=tf.int32), "targets": spec(dtype=tf.int32)}
        MODEL_FEATURES = {"decoder_target_tokens": spec(dtype=tf.int32)}
        PACKING_FEATURE_DTYPES = None

        def _convert_features(self, ds: Any, task_feature_lengths: Any) -> Any:
            length = task_feature_lengths["targets"]

            def convert(row: Any) -> Any:
                targets = row["targets"][:length]
                padded = tf.pad(targets, [[0, length - tf.size(targets)]])
                return {"decoder_target_tokens": tf.ensure_shape(padded, [length])}

            return counting("converter", ds.map(convert))

        def get_model_feature_lengths(self, task_feature_lengths: Any) -> Any:
            return {"decoder_target_tokens": task_feature_lengths["targets"]}

    return CountingConverter


if __name__ == "__main__":
    main()
