"""Runs a function in fresh interpreters: with several CPU devices, and as several processes of one computation.

    [found] = run_processes("tests.inference.some_module:function", {"argument": 1}, devices=8)
    first, second = run_processes("tests.inference.some_module:function", processes=2, devices=2)

The function takes the argument, returns something that JSON can hold, and runs in every process. What it raises comes
back as a `Raised`. A process that does not end in time is killed, with all others, and the test fails with what they
wrote.
"""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any, NamedTuple

ROOT = Path(__file__).parent.parent.parent
_GRACE_SECONDS = 10.0  # for the others, once one process is dead


class Raised(NamedTuple):
    """What a function raised in its process."""

    error: str
    message: str


def run_processes(
    function: str, argument: Any = None, *, processes: int = 1, devices: int = 1, seconds: float = 60.0
) -> list[Any]:
    """What `function`, "module:name", returned or raised in each process.

    Raises:
      AssertionError: a process died or was not done after `seconds`; the message holds the end of what it wrote.
    """
    [found] = run_in_turn(function, argument, processes=processes, devices=devices, seconds=seconds).values()
    return found


def run_in_turn(
    functions: str, argument: Any = None, *, processes: int = 1, devices: int = 1, seconds: float = 60.0
) -> dict[str, list[Any]]:
    """What each of `functions`, "module:name,name", returned or raised, called in turn in the same processes.

    So that one that fails shows, too, that the processes can go on together.

    Raises:
      AssertionError: as for `run_processes`.
    """
    with tempfile.TemporaryDirectory() as folder:
        directory = Path(folder)
        (directory / "argument").write_text(json.dumps(argument))
        running = [_start(functions, directory, process, processes, devices) for process in range(processes)]
        try:
            _wait(running, seconds)
        finally:
            for process in running:
                process.kill()
                process.wait()
        found = [_results(directory, index, process.returncode) for index, process in enumerate(running)]
    names = functions.partition(":")[2].split(",")
    return dict(zip(names, map(list, zip(*found, strict=True)), strict=True))


def _start(function: str, directory: Path, process: int, processes: int, devices: int) -> subprocess.Popen[bytes]:
    flags = [flag for flag in os.environ.get("XLA_FLAGS", "").split() if "device_count" not in flag]
    environment = {
        **os.environ,
        "XLA_FLAGS": " ".join([*flags, f"--xla_force_host_platform_device_count={devices}"]),
        "JAX_PLATFORMS": "cpu",
        "JAX_CPU_COLLECTIVES_IMPLEMENTATION": "gloo",
    }
    if process == 0:
        with socket.socket() as free:
            free.bind(("localhost", 0))
            (directory / "address").write_text(f"localhost:{free.getsockname()[1]}")
    command = [sys.executable, "-m", "tests.inference.process_entry", function, str(directory)]
    with (directory / f"{process}.log").open("wb") as log:
        return subprocess.Popen(
            [*command, str(process), str(processes)], cwd=ROOT, env=environment, stdout=log, stderr=log
        )


def _wait(running: list[subprocess.Popen[bytes]], seconds: float) -> None:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline and any(process.poll() is None for process in running):
        if any(process.poll() for process in running):
            deadline = min(deadline, time.monotonic() + _GRACE_SECONDS)
        time.sleep(0.05)


def _results(directory: Path, process: int, status: int) -> list[Any]:
    written = directory / f"{process}.result"
    if status != 0 or not written.exists():
        end = (directory / f"{process}.log").read_text(errors="replace")[-3000:]
        raise AssertionError(f"Process {process} ended with status {status} and wrote:\n{end}")
    results = json.loads(written.read_text())
    return [Raised(*found["raised"]) if "raised" in found else found["returned"] for found in results]
