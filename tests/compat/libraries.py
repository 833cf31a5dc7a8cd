"""seqio 0.0.20 and evalkit side by side, each in a process of its own, given the same cases.

A topic is a module in `tests/compat/differential` whose `run(lib, case, folder)` does what a case says with one library
and returns what came out, as JSON. The processes live as long as the tests of a session, since importing TensorFlow
takes longer than most cases do.
"""

from __future__ import annotations

import contextlib
import dataclasses
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import IO, Any

import pytest

from tests.compat.differential.material import train_vocabulary

ROOT = Path(__file__).parents[2]
SEQIO = os.environ.get("EVALKIT_SEQIO_PYTHON", "")
CASES = int(os.environ.get("EVALKIT_DIFFERENTIAL_CASES", "0"))

needs_seqio = pytest.mark.skipif(not SEQIO, reason="EVALKIT_SEQIO_PYTHON names no interpreter that has seqio")

Results = dict[str, list[Any]]


def number_of_cases(default: int) -> int:
    """How many cases of a topic are tried: `default`, or what EVALKIT_DIFFERENTIAL_CASES says."""
    return CASES or default


@dataclasses.dataclass(frozen=True)
class Library:
    """One of them, waiting for cases."""

    name: str
    process: subprocess.Popen[str]
    errors: IO[str]

    @classmethod
    def start(cls, name: str, python: str) -> Library:
        errors = tempfile.TemporaryFile("w+")
        process = subprocess.Popen(
            [python, "-m", "tests.compat.worker", name],
            cwd=ROOT,
            env={**os.environ, "TF_CPP_MIN_LOG_LEVEL": "3", "JAX_PLATFORMS": "cpu"},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=errors,
            text=True,
        )
        return cls(name, process, errors)

    def ask(self, topic: str, cases: Path, results: Path) -> None:
        with contextlib.suppress(BrokenPipeError):  # it has died, and `wait` says why
            print(json.dumps([topic, str(cases), str(results)]), file=self.process.stdin, flush=True)

    def wait(self) -> None:
        """Until it has answered; raises where it has died instead."""
        if self.process.stdout.readline() != "done\n":
            self.process.wait()
            self.errors.seek(0)
            raise RuntimeError(f"{self.name} ended: {self.errors.read()[-3000:]}")

    def stop(self) -> None:
        with contextlib.suppress(BrokenPipeError):
            self.process.stdin.close()
        self.process.stdout.close()
        self.process.wait()
        self.errors.close()


class Libraries:
    """Some of them, both by default."""

    def __init__(self, folder: Path, names: Sequence[str] = ("evalkit", "seqio")) -> None:
        self.folder = folder
        train_vocabulary(folder)
        self._libraries = [Library.start(name, SEQIO if name == "seqio" else sys.executable) for name in names]

    def run(self, topic: str, cases: Sequence[Any], names: Sequence[str] = ("evalkit", "seqio")) -> Results:
        """`{library: what it gave for each of `cases`}`, for the libraries called `names`."""
        asked = self.folder / f"{topic}.json"
        asked.write_text(json.dumps(cases), encoding="utf-8")
        wanted = [library for library in self._libraries if library.name in names]
        answers = {library.name: self.folder / f"{topic}-{library.name}.json" for library in wanted}
        for library in wanted:
            library.ask(topic, asked, answers[library.name])
        for library in wanted:
            library.wait()
        return {name: json.loads(path.read_text(encoding="utf-8")) for name, path in answers.items()}

    def stop(self) -> None:
        for library in self._libraries:
            library.stop()
