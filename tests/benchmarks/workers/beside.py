"""What a pure-Python loop on the main thread loses to the metrics that are computed beside it.

The loop runs from the moment evaluate() returns until the future is done. It waits for nothing but the interpreter's
lock, so what it loses is the time for which its thread was blocked: wall time, less the CPU time that it had and the
time that it was ready to run while other programs ran (`/proc/thread-self/schedstat`). The time for which evaluate()
itself held the caller is reported beside it.
"""

from __future__ import annotations

import statistics
import time
from pathlib import Path
from typing import Any

from tests.benchmarks import measure, subject

CHUNK = 20_000


def chunk() -> int:
    """Some milliseconds of work that needs the interpreter's lock."""
    total = 0
    for value in range(CHUNK):
        total += value & 7
    return total


def runnable_seconds() -> float:
    """How long this thread has run or been ready to run."""
    running, waiting, _ = Path("/proc/thread-self/schedstat").read_text().split()
    return (int(running) + int(waiting)) / 1e9


def main() -> None:
    asked = measure.request()
    lib = subject.load(asked["subject"])
    subject.register(lib, asked["folder"], asked["examples"])
    evaluator = subject.evaluator(lib)
    pairs = subject.outputs(asked["folder"], asked["examples"])

    def predict_fn(dataset: Any) -> Any:
        return pairs

    evaluator.evaluate(compute_metrics=True, step=0, predict_fn=predict_fn)[0].result()
    lost, held = [], []
    for step in range(1, asked["times"] + 1):
        start = time.perf_counter()
        future, _ = evaluator.evaluate(compute_metrics=True, step=step, predict_fn=predict_fn)
        begin, ran = time.perf_counter(), runnable_seconds()
        while not future.done():
            chunk()
        lost.append(time.perf_counter() - begin - (runnable_seconds() - ran))
        held.append(begin - start)
    evaluator.close()
    measure.reply({"lost": statistics.median(lost), "held": statistics.median(held)})


if __name__ == "__main__":
    main()
