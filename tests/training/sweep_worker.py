"""A sweep in a process of its own, that says before each batch which one it is; run by `test_sweep_interruption`."""

from __future__ import annotations

import os
import signal
from multiprocessing.connection import Connection
from pathlib import Path

from evalkit.training import CheckpointSweep
from tests.training.bigrams import letters_task, model


def sweep(checkpoints: Path, results: Path, asked: Path, told: Connection) -> None:
    with asked.open("a", buffering=1) as file:

        def tell(progress):
            if progress.num_done < progress.num_examples:
                line = f"{progress.step} {progress.kind} {progress.num_done}"
                file.write(f"{line}\n")
                told.send(line)

        try:
            CheckpointSweep(model(), [letters_task(count=1000)], results, batch_size=100).run(checkpoints, tell)
        except KeyboardInterrupt:  # the process ends with the signal, as a program does
            signal.signal(signal.SIGINT, signal.SIG_DFL)
            os.kill(os.getpid(), signal.SIGINT)
