"""The process of one library: does what it is asked on its standard input; runs in both interpreters.

    python -m tests.compat.worker seqio

A line of input is a topic, a file of cases and a file for the results; `done` is printed when they are written. What
libraries print themselves goes to the standard error stream.
"""

from __future__ import annotations

import importlib
import json
import os
import sys
from pathlib import Path

MODULES = {"seqio": "seqio", "evalkit": "evalkit.compat.seqio"}


def main(name: str) -> None:
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    lib = importlib.import_module(MODULES[name])
    for line in sys.stdin:
        topic, cases, results = json.loads(line)
        run = importlib.import_module(f"tests.compat.differential.{topic}").run
        asked = json.loads(Path(cases).read_text(encoding="utf-8"))
        lib.TaskRegistry.reset()
        lib.MixtureRegistry.reset()
        found = [run(lib, case, Path(cases).parent) for case in asked]
        Path(results).write_text(json.dumps(found), encoding="utf-8")
        print("done", file=answers, flush=True)


if __name__ == "__main__":
    main(sys.argv[1])
