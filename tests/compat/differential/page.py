"""Runs the Python blocks of a page, and says what each prints; runs in both interpreters."""

from __future__ import annotations

import contextlib
import io
from pathlib import Path
from types import ModuleType
from typing import Any

THE_ONE_LINE = "from evalkit.compat import seqio"


def run(lib: ModuleType, case: list[str], folder: Path) -> list[list[str]]:
    """The lines that each block of `case` prints; they share their names."""
    del folder
    names: dict[str, Any] = {}
    return [printed(block.replace(THE_ONE_LINE, f"import {lib.__name__} as seqio"), names) for block in case]


def printed(block: str, names: dict[str, Any]) -> list[str]:
    with contextlib.redirect_stdout(io.StringIO()) as lines:
        exec(compile(block, "a block of the page", "exec"), names)
    return lines.getvalue().splitlines()
