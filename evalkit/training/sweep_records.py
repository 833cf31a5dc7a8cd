"""The entries of a sweep as they stand on disk: read, and taken only if they are as they were written."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any, NamedTuple, final

from absl import logging

from evalkit.training.sweep_report import SweepEntry


class Record(NamedTuple):
    """What `result.json` says.

    Attributes:
      entry: what was found.
      key: of the task and the settings.
      directory: in which the checkpoint stood.
      has_events: whether there was something for TensorBoard.
    """

    entry: SweepEntry
    key: str
    directory: str
    has_events: bool


@final
class RecordReader:
    """Reads records; of rows that did not change since, the checksum is not computed again."""

    def __init__(self) -> None:
        """Knows no rows yet."""
        self._digests: dict[tuple[Path, int, int, int], str] = {}

    def read(self, path: Path) -> Record | None:
        """The record in a file; None if there is none, or its rows are not as they were written."""
        document = document_of(path)
        if document is None:
            return None
        try:
            rows = str(path.parent / document["rows"]) if document["rows"] else ""
            if rows and self.digest(Path(rows)) != document["rows_sha256"]:
                return None
            entry = SweepEntry.from_json({**document, "rows": rows})
            return Record(entry, document["key"], document["directory"], document["has_events"])
        except (KeyError, TypeError, ValueError, OSError):
            logging.warning("%s is not as evalkit wrote it, and is not used.", path)
            return None

    def digest(self, path: Path) -> str:
        """The checksum of a file.

        Raises:
          OSError: it cannot be read.
        """
        found = path.stat()
        mark = (path, found.st_ino, found.st_size, found.st_mtime_ns)
        if mark not in self._digests:
            with path.open("rb") as file:
                self._digests[mark] = hashlib.file_digest(file, "sha256").hexdigest()
        return self._digests[mark]


def document_of(path: Path) -> dict[str, Any] | None:
    """What stands in a file of JSON; None if there is none, or it is something else than an object."""
    try:
        found = json.loads(path.read_bytes())
    except (OSError, ValueError):
        return None
    return found if isinstance(found, dict) else None
