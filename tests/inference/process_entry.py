"""What `run_processes` starts: joins the others, calls the functions, and writes down what came of each."""

from __future__ import annotations

import importlib
import json
import sys
from pathlib import Path
from typing import Any

import jax


def main(functions: str, folder: str, process: str, processes: str) -> None:
    directory = Path(folder)
    if int(processes) > 1:
        address = (directory / "address").read_text()
        jax.distributed.initialize(address, int(processes), int(process), initialization_timeout=30)
    module, names = functions.split(":")
    argument = json.loads((directory / "argument").read_text())
    results = [_called(module, name, argument) for name in names.split(",")]
    (directory / f"{process}.result").write_text(json.dumps(results))
    if int(processes) > 1:
        jax.distributed.shutdown()  # waits for the others, whose coordinator this may be


def _called(module: str, name: str, argument: Any) -> dict[str, Any]:
    try:
        return {"returned": getattr(importlib.import_module(module), name)(argument)}
    except Exception as error:  # noqa: BLE001 - the test that started this process looks at it
        return {"raised": [type(error).__name__, str(error)]}


if __name__ == "__main__":
    main(*sys.argv[1:])
