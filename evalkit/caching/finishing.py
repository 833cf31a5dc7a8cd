"""From the pieces of a split to a cache that can be read.

The order is what makes it safe to be killed anywhere: files with examples, the manifest, the statistics, the
descriptions of the features. Whatever lacks the last of these is not complete, and is finished by the next run.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterable, Sequence
from typing import Any

import tensorflow as tf

from evalkit import __version__
from evalkit.caching.atomic_files import json_text, remove, write_text
from evalkit.caching.folder_state import work_dirs
from evalkit.caching.piece_notes import WrittenPiece, load_failure
from evalkit.caching.plan import WORK_FOLDER, SplitPlan
from evalkit.caching.statistics import SplitStatistics
from evalkit.data.cache_files import completed_path, files_of_split, info_path, stats_path
from evalkit.data.cache_manifest import WRITER_KEY, CachedFile, CacheManifest
from evalkit.data.tf_example import StoredFeature
from evalkit.errors import CacheError, FeatureError, SourceError

LAYOUT_VERSION = "0.0.20"
"""Of seqio, whose layout this is. Readers cast int64 features to int32 where there is no such version."""


def finish_split(plan: SplitPlan) -> None:
    """Makes a split of written pieces readable.

    Raises:
      EvalkitError: what kept a piece from being written.
      SourceError: the split has no examples.
      FeatureError: a feature has rows of different sizes in different pieces.
    """
    pieces = [_written(plan, index) for index in range(plan.num_pieces)]
    statistics = SplitStatistics()
    for piece in pieces:
        statistics.merge(piece.statistics)
    if not statistics.num_examples:
        raise SourceError(
            f"{plan} has no examples; an empty cache is of no use. Check the source, preprocessors that filter, and "
            "which splits are cached."
        )
    features = _merged_features(plan, [piece.features for piece in pieces if piece.statistics.num_examples])
    info = {**describe_features(features, plan.num_files), WRITER_KEY: __version__}
    texts = {
        stats_path(plan.folder, plan.split): json_text(statistics.summary()),
        info_path(plan.folder, plan.split): json_text(info),
    }
    files = {name: file for piece in pieces for name, file in piece.files.items()}
    for name in set(files_of_split(plan.folder, plan.split)) - set(files):
        remove(os.path.join(plan.folder, name))  # of an earlier plan
    files |= {os.path.basename(path): _facts(text) for path, text in texts.items()}
    manifest = CacheManifest(plan.task_name, plan.split, plan.settings.seed, plan.fingerprint, files)
    write_text(plan.manifest_path, json_text(manifest.to_json()), plan.work_dir)
    for path, text in texts.items():
        write_text(path, text, plan.work_dir)


def describe_features(features: Iterable[StoredFeature], num_files: int) -> dict[str, Any]:
    """The content of an info file."""
    return {
        "features": {feature.name: {"shape": list(feature.shape), "dtype": feature.dtype} for feature in features},
        "num_shards": num_files,
        "seqio_version": LAYOUT_VERSION,
    }


def complete(plans: Sequence[SplitPlan]) -> None:
    """Marks the cache of a task as complete, and removes what was only needed until then.

    Args:
      plans: for splits of this task, all of them finished.

    Raises:
      CacheError: the mark cannot be written.
    """
    mark = completed_path(plans[0].folder)
    if not tf.io.gfile.exists(mark):
        write_text(mark, "", plans[0].work_dir)
    for plan in plans:
        for folder in work_dirs(plan):
            remove(folder)
    work_folder = os.path.join(plans[0].folder, WORK_FOLDER)
    if tf.io.gfile.exists(work_folder) and not tf.io.gfile.listdir(work_folder):
        remove(work_folder)


def _written(plan: SplitPlan, index: int) -> WrittenPiece:
    piece = WrittenPiece.load(plan, index)
    if piece is None:
        raise load_failure(plan, index) or CacheError(
            f"{plan.piece(index)} was not written, and no worker said why. Run the same command again to go on."
        )
    return piece


def _merged_features(plan: SplitPlan, all_features: Iterable[Sequence[StoredFeature]]) -> Sequence[StoredFeature]:
    first, *others = all_features
    for features in others:
        for expected, found in zip(first, features, strict=True):
            if found != expected:
                raise FeatureError(
                    f"{plan}: feature {found.name!r} is of shape {list(found.shape)} in one piece, and of shape "
                    f"{list(expected.shape)} in another. Pad its rows to one size, or make it ragged."
                )
    return first


def _facts(text: str) -> CachedFile:
    content = text.encode()
    return CachedFile(len(content), hashlib.sha256(content).hexdigest())
