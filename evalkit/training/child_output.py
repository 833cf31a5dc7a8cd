"""The file to which the process beside a training writes, as the training reads it to tell what went wrong there."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path
from typing import final

from absl import logging

OUTPUT = "inline_child_process.log"
"""The name of the file in `log_dir`."""

_SHOWN = 8_000  # bytes


@final
class ChildOutput:
    """What was written since a mark.

    Attributes:
      path: of the file.
    """

    def __init__(self, path: str) -> None:
        """Begins at the end of the file, which need not be there yet."""
        self.path = path
        self._start = 0
        self.mark()

    @classmethod
    def in_folder(cls, log_dir: str) -> ChildOutput:
        """The file in `log_dir`; where that is remote, a new one in the folder for temporary files."""
        if "://" not in log_dir:
            return cls(str(Path(log_dir, OUTPUT)))
        descriptor, path = tempfile.mkstemp(prefix="evalkit-", suffix=f"-{OUTPUT}")  # it is appended to line by line
        os.close(descriptor)
        logging.info("What the process of the evaluators writes goes to %s.", path)
        return cls(path)

    def mark(self) -> None:
        """From here on, what the process writes belongs to what it does next."""
        path = Path(self.path)
        self._start = path.stat().st_size if path.exists() else 0

    def written(self) -> str:
        """The end of what was written since the mark; empty if nothing was."""
        try:
            with open(self.path, "rb") as file:
                file.seek(max(self._start, os.fstat(file.fileno()).st_size - _SHOWN))
                return file.read().decode(errors="replace").strip()
        except OSError:
            return ""
