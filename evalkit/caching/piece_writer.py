"""Writing one piece of a split: whole or not at all, and the same bytes whoever writes it."""

from __future__ import annotations

import contextlib
import itertools
import os
import time
import uuid
from collections.abc import Iterator, Sequence

import tensorflow as tf

from evalkit import errors
from evalkit.caching.atomic_files import remove, writing
from evalkit.caching.example_columns import ExampleColumns
from evalkit.caching.piece_notes import WrittenPiece, save_failure, save_progress
from evalkit.caching.pieces import open_piece, piece_seed, registered_task, task_seed
from evalkit.caching.plan import SplitPlan
from evalkit.caching.serialization import serialized
from evalkit.caching.statistics import CHARS, TOKENS, SplitStatistics
from evalkit.data.cache_manifest import CachedFile
from evalkit.data.shard import ShardInfo
from evalkit.data.sources.tensorflow_messages import sentence
from evalkit.data.task import Task

SECONDS_BETWEEN_NOTES = 2.0


def write_piece(plan: SplitPlan, piece: int) -> int:
    """Writes a piece, unless that was done before; what is wrong with the task or its data is noted, not raised.

    Returns:
      How many examples the piece has; 0 if it could not be written.

    Raises:
      Exception: anything that may not happen again, so that Beam tries again.
    """
    known = WrittenPiece.load(plan, piece)
    if known is not None:
        return known.statistics.num_examples
    try:
        written = _write(plan, piece)
    except errors.EvalkitError as error:
        save_failure(plan, piece, error)
        return 0
    written.save(plan, piece)
    return written.statistics.num_examples


def _write(plan: SplitPlan, piece: int) -> WrittenPiece:
    task = registered_task(plan.task_name, plan.settings.modules, plan.settings.tfds_data_dir)
    paths = plan.files_of(piece)
    # A name of its own: the same piece may be written twice at a time, by workers that do not know of each other.
    scratch = os.path.join(plan.work_dir, f"tmp-{piece:05d}-{uuid.uuid4().hex}")
    drafts = [os.path.join(scratch, os.path.basename(path)) for path in paths]
    with writing(scratch):
        tf.io.gfile.makedirs(scratch)
    try:
        columns, statistics = _write_examples(task, plan, piece, drafts)
        files = {}
        for draft, path in zip(drafts, paths, strict=True):
            with writing(path):
                files[os.path.basename(path)] = CachedFile.of(draft)
                tf.io.gfile.rename(draft, path, overwrite=True)
    finally:
        remove(scratch)
    return WrittenPiece(files, tuple(columns.features), statistics)


def _write_examples(
    task: Task, plan: SplitPlan, piece: int, paths: Sequence[str]
) -> tuple[ExampleColumns, SplitStatistics]:
    """Writes the examples in turn to these files."""
    statistics = SplitStatistics()
    with _named_errors(task, plan, piece, statistics):
        seed = piece_seed(task.name, piece, task_seed(task.name, plan.settings.seed))
        columns = ExampleColumns(open_piece(task, plan.split, ShardInfo(piece, plan.num_pieces), seed))
    last_note = time.monotonic()
    with writing(os.path.dirname(paths[0])), contextlib.ExitStack() as stack:
        writers = itertools.cycle([stack.enter_context(tf.io.TFRecordWriter(path)) for path in paths])
        for protos in _read(task, plan, piece, columns, statistics):
            for proto, writer in zip(protos, writers, strict=False):
                writer.write(proto)
            if time.monotonic() - last_note > SECONDS_BETWEEN_NOTES:
                save_progress(plan, piece, statistics.num_examples)
                last_note = time.monotonic()
    return columns, statistics


def _read(
    task: Task, plan: SplitPlan, piece: int, columns: ExampleColumns, statistics: SplitStatistics
) -> Iterator[list[bytes]]:
    """The examples, serialised and counted. An exception of who writes them is not seen here."""
    with _named_errors(task, plan, piece, statistics):
        for batch in columns.batches():
            protos = serialized(batch)
            statistics.add(len(protos), batch, task.output_features, (TOKENS, CHARS))
            yield protos


@contextlib.contextmanager
def _named_errors(task: Task, plan: SplitPlan, piece: int, statistics: SplitStatistics) -> Iterator[None]:
    """Errors of reading and preprocessing say where they happened."""
    try:
        with task.named_read_errors(plan.split):
            yield
    except errors.EvalkitError as error:
        raise type(error)(f"{plan.piece(piece)}: {error}") from error
    except tf.errors.OpError as error:
        raise errors.PreprocessorError(
            f"{plan.piece(piece)}: preprocessing failed after {statistics.num_examples} examples or a few more: "
            f"{sentence(error.message)}."
        ) from error
