"""Writes checkpoints as fast as it can and deletes all but the last two, in a process that `writer` starts."""

from __future__ import annotations

import os
from multiprocessing.context import ForkServerProcess
from pathlib import Path

import numpy as np
import orbax.checkpoint as ocp

from tests.training import bigrams, processes

LEAVES, SIDE = 16, 96


def uniform(step: int) -> dict[str, np.ndarray]:
    """Parameters of which each number is the step, so that a part of another checkpoint would be seen."""
    return {f"layer_{i}": np.full((SIDE, SIDE), step, np.float32) for i in range(LEAVES)}


def writer(folder: Path, count: int, kind: str) -> ForkServerProcess:
    """A process that writes so many checkpoints: "bigrams", or uniform ones as a "database" or as "files"."""
    return processes.start(write, folder, count, kind)


def write(folder: Path, count: int, kind: str) -> None:
    parent, options = os.getppid(), ocp.CheckpointManagerOptions(max_to_keep=2)
    handler = ocp.PyTreeCheckpointHandler(use_ocdbt=kind != "files")
    with ocp.CheckpointManager(folder, item_handlers=handler, options=options) as manager:
        for step in range(1, count + 1):
            if os.getppid() != parent:
                return
            params = bigrams.table(step) if kind == "bigrams" else uniform(step)
            manager.save(step, args=ocp.args.PyTreeSave({"params": params}))
            manager.wait_until_finished()
