"""Writing one piece of a split: whole or not at all, and the same bytes whoever writes it."""

from __future__ import annotations

import contextlib
import itertools
import os
import time
import uuid
from collections.abc import Iterator, Sequence
from typing import final

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

SECONDS_BETWEEN_NOTES = 2.0


def write_piece(plan: SplitPlan, piece: int) -> int:
    """Writes a piece, unless that was done before. Why it cannot be written is noted, not raised: other pieces can.

    Returns:
      How many examples the piece has; 0 if it could not be written.
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
    reader = _PieceReader(plan, piece)
    paths = plan.files_of(piece)
    # A name of its own: the same piece may be written twice at a time, by workers that do not know of each other.
    scratch = os.path.join(plan.work_dir, f"tmp-{piece:05d}-{uuid.uuid4().hex}")
    drafts = [os.path.join(scratch, os.path.basename(path)) for path in paths]
    try:
        _write_examples(reader, scratch, drafts)
        files = {}
        for draft, path in zip(drafts, paths, strict=True):
            with writing(path):
                files[os.path.basename(path)] = CachedFile.of(draft)
                tf.io.gfile.rename(draft, path, overwrite=True)
    finally:
        remove(scratch)
    return WrittenPiece(files, tuple(reader.columns.features), reader.statistics)


def _write_examples(reader: _PieceReader, folder: str, paths: Sequence[str]) -> None:
    """Writes the examples in turn to these files, all in `folder`."""
    last_note = time.monotonic()
    with writing(folder), contextlib.ExitStack() as stack:
        tf.io.gfile.makedirs(folder)
        writers = itertools.cycle([stack.enter_context(tf.io.TFRecordWriter(path)) for path in paths])
        for protos in reader.batches():
            for proto, writer in zip(protos, writers, strict=False):
                writer.write(proto)
            if time.monotonic() - last_note > SECONDS_BETWEEN_NOTES:
                save_progress(reader.plan, reader.piece, reader.statistics.num_examples)
                last_note = time.monotonic()


@final
class _PieceReader:
    """The examples of a piece, serialised and counted; errors say where they happened."""

    def __init__(self, plan: SplitPlan, piece: int) -> None:
        self.plan, self.piece, self.statistics = plan, piece, SplitStatistics()
        self._shard = ShardInfo(piece, plan.num_pieces)
        self._task = registered_task(plan.task_name, plan.settings.modules, plan.settings.tfds_data_dir)
        seed = piece_seed(plan.task_name, piece, task_seed(plan.task_name, plan.settings.seed))
        with self._named_errors():
            self.columns = ExampleColumns(open_piece(self._task, plan.split, self._shard, seed))

    def batches(self) -> Iterator[list[bytes]]:
        """The examples, hundreds at a time. An exception of who writes them is not seen here."""
        with self._named_errors():
            for columns in self.columns.batches():
                protos = serialized(columns)
                self.statistics.add(len(protos), columns, self._task.output_features, (TOKENS, CHARS))
                yield protos

    @contextlib.contextmanager
    def _named_errors(self) -> Iterator[None]:
        where = self.plan.piece(self.piece)
        try:
            with self._task.named_read_errors(self.plan.split, shard_info=self._shard):
                yield
        except errors.EvalkitError as error:
            raise type(error)(f"{where}: {error}") from error
        except Exception as error:  # a preprocessor's, in the graph or while it is made, or a vocabulary's
            problem = sentence(error.message) if isinstance(error, tf.errors.OpError) else str(error)
            raise errors.PreprocessorError(
                f"{where}: preprocessing failed after {self.statistics.num_examples} examples or a few more: "
                f"{type(error).__name__}: {problem}."
            ) from error
