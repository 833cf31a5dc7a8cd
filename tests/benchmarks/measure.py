"""Measuring in a worker: CPU of all threads, wall time, memory, and the protocol with `run.py`."""

from __future__ import annotations

import ctypes
import gc
import json
import statistics
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

MARK = "RESULT "


def request() -> dict[str, Any]:
    """What `run.py` asks of this worker."""
    asked: dict[str, Any] = json.loads(sys.argv[1])
    asked["folder"] = Path(asked["folder"])
    return asked


def reply(figures: dict[str, Any]) -> None:
    """Hands the figures back, the last thing a worker does."""
    print(MARK + json.dumps(figures), flush=True)


class Stopwatch:
    """CPU seconds of all threads of this process and wall seconds, between entering and leaving."""

    def __enter__(self) -> Stopwatch:
        self._cpu, self._wall = time.process_time(), time.perf_counter()
        return self

    def __exit__(self, *exception: object) -> None:
        self.cpu, self.wall = time.process_time() - self._cpu, time.perf_counter() - self._wall


def median_cpu(act: Callable[[], Any], times: int) -> float:
    """The median CPU seconds of `act()`."""
    seconds = []
    for _ in range(times):
        gc.collect()
        with Stopwatch() as watch:
            act()
        seconds.append(watch.cpu)
    return statistics.median(seconds)


def resident_bytes() -> int:
    """Memory that the process holds, after everything that can be given back has been."""
    for _ in range(3):
        gc.collect()
    ctypes.CDLL("libc.so.6").malloc_trim(0)
    fields = dict(line.split(":", 1) for line in Path("/proc/self/status").read_text().splitlines())
    return int(fields["VmRSS"].split()[0]) * 1024


def peak_bytes() -> int:
    """The most memory that the process has held so far."""
    fields = dict(line.split(":", 1) for line in Path("/proc/self/status").read_text().splitlines())
    return int(fields["VmHWM"].split()[0]) * 1024
