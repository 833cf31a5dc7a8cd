"""CPU of merging the outputs of 800 batches of 128 examples, as a sharded evaluation does, and reading them once."""

from __future__ import annotations

import types
from typing import Any

import numpy as np

from tests.benchmarks import measure, subject

BATCHES, BATCH, LENGTH = 800, 128, 64


def main() -> None:
    lib = subject.load(measure.request()["subject"])
    metric = lib.metrics.PassthroughLegacyMetric.from_metric_fn(subject.exact, None).empty()
    feature = lib.Feature(lib.PassThroughVocabulary(1000))
    task = types.SimpleNamespace(name="task", metric_objs=[metric], output_features={"targets": feature})
    manager, kind = lib.evaluation.MetricManager([task]), lib.metrics.ModelOutputType.PREDICTION
    rows = np.random.default_rng(0).integers(1, 1000, (BATCH, LENGTH), np.int32)

    def merge(batches: int) -> Any:
        manager.initialize_metrics(task.name, kind)
        for number in range(batches):
            indices = np.stack([np.zeros(BATCH, np.int64), np.arange(BATCH) + BATCH * number], axis=1)
            collection = manager.from_model_output(
                task_name=task.name,
                model_output_type=kind,
                inputs=[{}] * BATCH,
                model_output=rows,
                features=task.output_features,
                mask=np.ones(BATCH, bool),
                indices_2d=indices,
            )
            manager.merge(collection, task_name=task.name, model_output_type=kind)
        merged = manager.output_metrics_collections[task.name][kind]
        return getattr(merged, f"{type(metric).__name__}_0").values["model_output"]

    merge(2)
    with measure.Stopwatch() as watch:
        collected = merge(BATCHES)
    if len(collected) != BATCHES * BATCH:
        raise RuntimeError(f"{len(collected)} rows were collected.")
    measure.reply({"cpu": watch.cpu})


if __name__ == "__main__":
    main()
