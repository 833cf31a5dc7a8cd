"""What a pure-Python loop on the main thread loses to the metrics that are computed beside it.

The loop runs from the moment evaluate() returns until the future is done. It counts chunks of fixed work, whose time
alone was measured just before; the loss is the wall time that passed, less what the chunks would have taken alone. The
time for which evaluate() itself held the caller is reported beside it. Of the repetitions the least counts, since
whatever else the machine does can only add to it.
"""

from __future__ import annotations

import statistics
import time
from typing import Any

from tests.benchmarks import measure, subject

CHUNK = 20_000


def chunk() -> int:
    total = 0
    for value in range(CHUNK):
        total += value & 7
    return total


def time_alone() -> float:
    seconds = []
    for _ in range(200):
        start = time.perf_counter()
        chunk()
        seconds.append(time.perf_counter() - start)
    return statistics.median(seconds)


def main() -> None:
    asked = measure.request()
    lib = subject.load(asked["subject"])
    subject.register(lib, asked["folder"], asked["examples"])
    evaluator = subject.evaluator(lib)
    pairs = subject.outputs(asked["folder"], asked["examples"])

    def predict_fn(dataset: Any) -> Any:
        return pairs

    evaluator.evaluate(compute_metrics=True, step=0, predict_fn=predict_fn)[0].result()
    runs = []
    for step in range(1, asked["times"] + 1):
        alone = time_alone()
        start = time.perf_counter()
        future, _ = evaluator.evaluate(compute_metrics=True, step=step, predict_fn=predict_fn)
        begin = time.perf_counter()
        chunks = 0
        while not future.done():
            chunk()
            chunks += 1
        passed = time.perf_counter() - begin
        runs.append({"lost": passed - chunks * alone, "beside": passed, "held": begin - start})
    evaluator.close()
    measure.reply(min(runs, key=lambda run: run["lost"]))


if __name__ == "__main__":
    main()
