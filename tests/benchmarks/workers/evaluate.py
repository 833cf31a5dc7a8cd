"""CPU per example of everything that evaluate() does outside the model function, until its future has the metrics."""

from __future__ import annotations

import statistics
import tempfile
from types import ModuleType
from typing import Any

from tests.benchmarks import measure, subject


def main() -> None:
    asked = measure.request()
    lib = subject.load(asked["subject"])
    pairs = subject.outputs(asked["folder"], asked["examples"])
    figures: dict[str, Any] = {}
    for variant in asked["variants"]:
        evaluator = make_evaluator(lib, variant, asked)
        chosen = subject.outputs(asked["folder"], asked["examples"], ragged=True) if variant == "ragged" else pairs
        seconds = [evaluate_once(evaluator, chosen, step) for step in range(asked["times"] + 1)]
        evaluator.close()
        per_example = [1e6 * second / asked["examples"] for second in seconds]
        figures[variant] = {"first": per_example[0], "steady": statistics.median(per_example[1:])}
    measure.reply(figures)


def make_evaluator(lib: ModuleType, variant: str, asked: dict[str, Any]) -> Any:
    loggers = {"json": [lib.JSONLogger], "json+tensorboard": [lib.JSONLogger, lib.TensorBoardLogger]}.get(variant, [])
    name = "benchmark_" + variant.replace("+", "_").replace(" ", "_")
    subject.register(
        lib,
        asked["folder"],
        asked["examples"],
        name=name,
        num_metrics=4 if variant == "four metrics" else 1,
        postprocess_fn=subject.final_answer if variant == "postprocess" else None,
    )
    return subject.evaluator(
        lib,
        name,
        logger_cls=loggers,
        log_dir=tempfile.mkdtemp(prefix="evalkit-bench-") if loggers else None,
    )


def evaluate_once(evaluator: Any, pairs: list[Any], step: int) -> float:
    """CPU seconds of one evaluate, without those of the model function (which returns what is there already)."""
    model = 0.0

    def predict_fn(dataset: Any) -> Any:
        nonlocal model
        with measure.Stopwatch() as inner:
            result = list(pairs)
        model += inner.cpu
        return result

    with measure.Stopwatch() as watch:
        future, _ = evaluator.evaluate(compute_metrics=True, step=step, predict_fn=predict_fn)
        metrics = future.result()
    if not 0 < next(iter(metrics.values()))["exact"] < 1:
        raise RuntimeError(f"The subject returned {metrics}.")
    return watch.cpu - model


if __name__ == "__main__":
    main()
