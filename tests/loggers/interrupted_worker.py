"""Logs in a loop until it is killed, or who started it is gone; run by `test_interrupts`."""

from __future__ import annotations

import itertools
import os
import sys

from evalkit.loggers import JSONLogger, TensorBoardLogger
from evalkit.metrics.values import Scalar

ROWS = 2_000


def log_forever(directory: str) -> None:
    """Step after step, each with `ROWS` rows; says when the first is done."""
    loggers = [JSONLogger(directory), TensorBoardLogger(directory)]
    examples = [{"inputs": "some text " * 20, "id": number} for number in range(ROWS)]
    texts = ["prediction " * 10] * ROWS
    parent = os.getppid()
    for step in itertools.count():
        if os.getppid() != parent:
            return
        for logger in loggers:
            logger("task", step, {"step_again": Scalar(step)}, examples, {"prediction": texts}, texts)
        if step == 0:
            sys.stdout.write("logging\n")
            sys.stdout.flush()


if __name__ == "__main__":
    log_forever(sys.argv[1])
