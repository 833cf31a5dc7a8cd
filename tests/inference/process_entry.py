"""What `run_processes` starts: joins the others, calls the function, and writes down what came of it."""

from __future__ import annotations

import importlib
import json
import sys
from pathlib import Path

import jax


def main(function: str, folder: str, process: str, processes: str) -> None:
    directory = Path(folder)
    if int(processes) > 1:
        address = (directory / "address").read_text()
        jax.distributed.initialize(address, int(processes), int(process), initialization_timeout=30)
    module, name = function.split(":")
    argument = json.loads((directory / "argument").read_text())
    try:
        result = {"returned": getattr(importlib.import_module(module), name)(argument)}
    except Exception as error:  # noqa: BLE001 - the test that started this process looks at it
        result = {"raised": [type(error).__name__, str(error)]}
    (directory / f"{process}.result").write_text(json.dumps(result))
    if int(processes) > 1:
        jax.distributed.shutdown()  # waits for the others, whose coordinator this may be


if __name__ == "__main__":
    main(*sys.argv[1:])
