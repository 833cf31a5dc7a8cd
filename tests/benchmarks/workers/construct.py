"""CPU and wall of constructing an Evaluator in a fresh process, with a store on disk if a `cache_dir` is asked for.

A small Evaluator is made first, so that the figure has no start-up of TensorFlow or of the vocabulary in it.
"""

from __future__ import annotations

from typing import Any

from tests.benchmarks import measure, subject


def main() -> None:
    asked = measure.request()
    lib = subject.load(asked["subject"])
    subject.register(lib, asked["folder"], 16, name="warm_up")
    subject.evaluator(lib, "warm_up").close()
    subject.register(lib, asked["folder"], asked["examples"])
    arguments: dict[str, Any] = {}
    if "cache_dir" in asked:
        arguments = {"use_memory_cache": False, "cache_dir": asked["cache_dir"]}
    with measure.Stopwatch() as watch:
        evaluator = subject.evaluator(lib, **arguments)
    dataset = evaluator.cached_model_datasets[subject.TASK]
    batches = []
    for _ in range(asked.get("passes", 0)):
        with measure.Stopwatch() as one_pass:
            rows = sum(len(index) for index, _ in dataset.batch(128).as_numpy_iterator())
        if rows != asked["examples"]:
            raise RuntimeError(f"The model dataset has {rows} examples.")
        batches.append(one_pass.cpu)
    evaluator.close()
    measure.reply({"cpu": watch.cpu, "wall": watch.wall, "passes": batches})


if __name__ == "__main__":
    main()
