"""Partial results of several processes, which are real ones here."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np

ROOT = Path(__file__).parents[2]
PROCESSES = 2


def run_processes(worker: str) -> list[Any]:
    """What each of the processes printed as its result."""
    with socket.socket() as listening:
        listening.bind(("localhost", 0))
        port = listening.getsockname()[1]
    command = [sys.executable, str(Path(__file__).with_name(worker)), str(port), str(PROCESSES)]
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "JAX_PLATFORMS": "cpu", "TF_CPP_MIN_LOG_LEVEL": "3"}
    pipes: dict[str, Any] = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    running = [subprocess.Popen([*command, str(index)], env=environment, **pipes) for index in range(PROCESSES)]
    results = []
    for process in running:
        out, err = process.communicate(timeout=180)
        marked = [line for line in out.splitlines() if line.startswith("RESULT ")]
        assert marked, err[-2000:]
        results.append(json.loads(marked[0].removeprefix("RESULT ")))
    return results


def test_every_process_has_the_rows_of_all():
    rows = [[10 * shard + n] * (n + 1) for shard in range(PROCESSES) for n in range(shard + 1)]
    expected = {"right": len(rows), "order": sum(i * int(np.sum(row)) for i, row in enumerate(rows))}
    for result in run_processes("process_worker.py"):
        assert result["values"] == expected
        assert result["error"].startswith("Task 'numbers': sharing the partial results between processes raised ")
