"""Processes that tests start and stop, forked from one in which all that takes long to import is imported."""

from __future__ import annotations

import multiprocessing
from collections.abc import Callable
from multiprocessing.context import ForkServerProcess
from typing import Any

_FORKING = multiprocessing.get_context("forkserver")
_FORKING.set_forkserver_preload(["tests.training.racing_writer", "tests.training.sweep_worker"])


def pipe() -> Any:
    """Where a process is listened to, and where it speaks."""
    return _FORKING.Pipe(duplex=False)


def start(function: Callable[..., None], *arguments: Any) -> ForkServerProcess:
    """A process that calls a function of a module, and ends with this one at the latest."""
    process = _FORKING.Process(target=function, args=arguments, daemon=True)
    process.start()
    return process
