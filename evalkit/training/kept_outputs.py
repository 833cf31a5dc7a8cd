"""What a model said, kept on disk batch by batch, so that a process that is killed loses one batch at most.

    length, CRC-32, header          what the outputs are of: a key, the number of examples, the size of a batch
    length, CRC-32, batch 0         strict JSON: indices, outputs, auxiliary values
    ...

A batch is appended with one write. Where a file ends in the middle of one, that part is cut off when the file is opened
again, and the batch is asked for again. Batches are of fixed examples, and metrics get what is in the file, never what
the model has just said: results do not depend on where a run was interrupted.
"""

from __future__ import annotations

import itertools
import os
import struct
import zlib
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, final

import numpy as np
import orjson
from absl import logging

from evalkit.inference.feature_rows import examples_of
from evalkit.loggers.directories import errors_of
from evalkit.loggers.files import append_or_undo

_HEAD = struct.Struct("<QI")
_FORMAT = 1
_WRITER = "A sweep"


@final
class KeptOutputs:
    """The file with the outputs of one kind, for one task and checkpoint."""

    def __init__(self, path: str, key: str, num_examples: int, batch_size: int) -> None:
        """Opens the file; what is in it of something else, or damaged, is dropped.

        Args:
          path: of the file; its folder exists.
          key: of all that decides the outputs.
          num_examples: how many there will be.
          batch_size: examples in a batch.

        Raises:
          LoggerError: the file cannot be read or written.
        """
        self._path = path
        self._header = {"format": _FORMAT, "key": key, "num_examples": num_examples, "batch_size": batch_size}
        self.batch_size = batch_size
        self.num_examples = num_examples
        with errors_of(_WRITER, path, "results_dir"), open(path, "a+b", buffering=0) as file:
            self.num_batches = self._repair(file)

    @property
    def num_kept(self) -> int:
        """For how many examples there are outputs."""
        return min(self.num_batches * self.batch_size, self.num_examples)

    def append(self, result: Any) -> None:
        """Adds the outputs of the next batch, as a model function gives them.

        Raises:
          LoggerError: they cannot be written; what was there before is as it was.
          TypeError: an output has no JSON form.
        """
        with errors_of(_WRITER, self._path, "results_dir"), open(self._path, "ab", buffering=0) as file:
            append_or_undo(file, _record(_encoded(result)))
        self.num_batches += 1

    def result(self) -> Any:
        """All outputs, as a model function gives them: pairs, or pairs and auxiliary values.

        Raises:
          LoggerError: the file cannot be read.
        """
        with errors_of(_WRITER, self._path, "results_dir"), open(self._path, "rb") as file:
            _, *batches = (payload for payload, _ in _records(file.read()))
        return _joined(list(map(_decoded, batches)))

    def _repair(self, file: Any) -> int:
        """Makes the file one of this header, and of whole batches; returns how many there are."""
        size = file.seek(0, os.SEEK_END)
        file.seek(0)
        records = list(_records(file.read(size)))
        if not records or orjson.loads(records[0][0]) != self._header:
            file.truncate(0)
            append_or_undo(file, _record(orjson.dumps(self._header)))
            return 0
        end = records[-1][1]
        if end < size:
            logging.warning("%s ended in the middle of a batch; its last %d bytes are dropped.", self._path, size - end)
            file.truncate(end)
        return len(records) - 1


def keeping(
    kept: KeptOutputs, make_fn: Callable[[Any], Callable[[Any], Any]], on_batch: Callable[[], None]
) -> Callable[[Any], Any]:
    """A model function that asks for no more than what is not kept yet.

    Args:
      kept: the file.
      make_fn: from all examples to a function that answers a part of them; called only if something is missing.
      on_batch: called before the first batch, and after each one.
    """

    def answer(dataset: Any) -> Any:
        on_batch()
        if kept.num_kept < kept.num_examples:
            model_fn = make_fn(dataset)
            missing = itertools.islice(examples_of(dataset), kept.num_kept, None)
            while batch := list(itertools.islice(missing, kept.batch_size)):
                kept.append(model_fn(batch))
                on_batch()
        return kept.result()

    return answer


def _record(payload: bytes) -> bytes:
    return _HEAD.pack(len(payload), zlib.crc32(payload)) + payload


def _records(content: bytes) -> Iterator[tuple[bytes, int]]:
    """The payloads up to the first that is cut or damaged, each with where it ends."""
    start = 0
    while start + _HEAD.size <= len(content):
        length, checksum = _HEAD.unpack_from(content, start)
        payload = content[start + _HEAD.size : start + _HEAD.size + length]
        start += _HEAD.size + length
        if len(payload) < length or zlib.crc32(payload) != checksum:
            return
        yield payload, start


def _encoded(result: Any) -> bytes:
    pairs, auxiliary = result if isinstance(result, tuple) else (result, {})
    columns = {"outputs": [output for _, output in pairs], **{f"aux/{name}": rows for name, rows in auxiliary.items()}}
    document = {
        "indices": [int(index) for index, _ in pairs],
        "has_auxiliary": isinstance(result, tuple),
        "dtypes": {name: dtype for name, rows in columns.items() if (dtype := _dtype(rows))},
        "columns": {name: [_plain(row) for row in rows] for name, rows in columns.items()},
    }
    return orjson.dumps(document)


def _dtype(rows: Iterable[Any]) -> str | None:
    return next((row.dtype.name for row in rows if isinstance(row, np.ndarray)), None)


def _plain(row: Any) -> Any:
    return row.tolist() if isinstance(row, np.ndarray | np.generic) else row


def _decoded(payload: bytes) -> tuple[list[int], dict[str, list[Any]], bool]:
    document = orjson.loads(payload)
    columns = document["columns"]
    for name, dtype in document["dtypes"].items():
        columns[name] = [np.array(row, dtype) for row in columns[name]]
    return document["indices"], columns, document["has_auxiliary"]


def _joined(batches: list[tuple[list[int], Mapping[str, list[Any]], bool]]) -> Any:
    indices = list(itertools.chain.from_iterable(batch[0] for batch in batches))
    names = list(batches[0][1]) if batches else ["outputs"]
    columns = {name: list(itertools.chain.from_iterable(batch[1][name] for batch in batches)) for name in names}
    pairs = list(zip(indices, columns.pop("outputs"), strict=True))
    if not any(batch[2] for batch in batches):
        return pairs
    return pairs, {name.removeprefix("aux/"): rows for name, rows in columns.items()}
