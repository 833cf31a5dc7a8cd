"""What is known of a piece while its split is not complete: that it is written and what it is, or why it failed.

A worker leaves these notes in the folder of the plan, and whoever waits for it, or goes on another day, reads them.
"""

from __future__ import annotations

import contextlib
import dataclasses
import json
import os
from collections.abc import Mapping
from typing import Any, final

import tensorflow as tf

from evalkit import errors
from evalkit.caching.atomic_files import json_text, remove, write_text
from evalkit.caching.plan import SplitPlan
from evalkit.caching.statistics import SplitStatistics
from evalkit.data.cache_manifest import CachedFile
from evalkit.data.tf_example import StoredFeature

WRITTEN, FAILED, PROGRESS = "piece", "failed", "progress"


@final
@dataclasses.dataclass(frozen=True)
class WrittenPiece:
    """A piece that is complete.

    Attributes:
      files: what was written, by file name.
      features: what the features are stored as.
      statistics: of its examples.
    """

    files: Mapping[str, CachedFile]
    features: tuple[StoredFeature, ...]
    statistics: SplitStatistics

    def save(self, plan: SplitPlan, piece: int) -> None:
        """Notes that the piece is complete; the last step of writing one.

        Raises:
          CacheError: the note cannot be written.
        """
        content = {
            "files": {name: dataclasses.asdict(file) for name, file in self.files.items()},
            "features": [dataclasses.asdict(feature) for feature in self.features],
            "statistics": self.statistics.to_json(),
        }
        _save(plan, WRITTEN, piece, content)
        for what in (FAILED, PROGRESS):
            remove(plan.note_path(what, piece))

    @classmethod
    def load(cls, plan: SplitPlan, piece: int) -> WrittenPiece | None:
        """A piece that was written by this plan, now or earlier; None if it was not, or its files are not there."""
        content = read_note(plan.note_path(WRITTEN, piece))
        if content is None:
            return None
        try:
            files = {name: CachedFile(**file) for name, file in content["files"].items()}
            features = tuple(
                StoredFeature(feature["name"], tuple(feature["shape"]), feature["dtype"])
                for feature in content["features"]
            )
            statistics = SplitStatistics.from_json(content["statistics"])
        except (KeyError, TypeError, AttributeError, errors.CacheError):
            return None
        with contextlib.suppress(tf.errors.OpError):
            paths = {name: os.path.join(plan.folder, name) for name in files}
            if all(tf.io.gfile.stat(paths[name]).length == file.size for name, file in files.items()):
                return cls(files, features, statistics)
        return None


def save_failure(plan: SplitPlan, piece: int, error: errors.EvalkitError) -> None:
    """Notes why a piece cannot be written."""
    content = {"type": type(error).__name__, "message": str(error)}
    _save(plan, FAILED, piece, content)


def load_failure(plan: SplitPlan, piece: int) -> errors.EvalkitError | None:
    """The error that kept a piece from being written, if one is noted."""
    content = read_note(plan.note_path(FAILED, piece))
    if content is None:
        return None
    kind = getattr(errors, str(content.get("type")), errors.CacheError)
    error: errors.EvalkitError = kind(content.get("message"))
    return error


def save_progress(plan: SplitPlan, piece: int, num_examples: int) -> None:
    """Notes how many examples of a piece are written so far."""
    _save(plan, PROGRESS, piece, {"examples": num_examples})


def _save(plan: SplitPlan, what: str, piece: int, content: Mapping[str, Any]) -> None:
    write_text(plan.note_path(what, piece), json_text(content), plan.work_dir)


def read_note(path: str) -> dict[str, Any] | None:
    """The content of a note; None where there is none."""
    try:
        with tf.io.gfile.GFile(path) as file:
            content = json.load(file)
    except (tf.errors.OpError, ValueError):
        return None
    return content if isinstance(content, dict) else None
