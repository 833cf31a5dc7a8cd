"""A sweep in a process of its own, that says before each batch which one it is; run by `test_sweep_interruption`."""

from __future__ import annotations

import sys
from pathlib import Path

from evalkit.training import CheckpointSweep
from tests.training.bigrams import letters_task, model


def main(checkpoints: Path, results: Path, asked: Path) -> None:
    with asked.open("a", buffering=1) as file:

        def tell(progress):
            if progress.num_done < progress.num_examples:
                line = f"{progress.step} {progress.kind} {progress.num_done}\n"
                file.write(line)
                sys.stdout.write(line)
                sys.stdout.flush()

        CheckpointSweep(model(), [letters_task(count=1000)], results, batch_size=100).run(checkpoints, tell)


if __name__ == "__main__":
    main(*map(Path, sys.argv[1:4]))
