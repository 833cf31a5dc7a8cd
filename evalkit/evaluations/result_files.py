"""The files in which the results for one checkpoint and step stand, whole at any moment.

A folder for each checkpoint and step has

* `results.json`: scores, counts and values by evaluation, written at once when all evaluations of a job are done;
* `<evaluation>-<fingerprint>.jsonl`: the rows of an evaluation, one a line, written before anything refers to them;
* `partial.json`: like `results.json`, while a job has evaluations to run. Another process goes on from it.

An entry counts if it has the fingerprint that is asked for, and its rows are as they were written. JSON is strict:
numbers that are not finite are null, and are NaN when they are read again.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, NamedTuple, final

import orjson
import tensorflow as tf
from absl import logging

from evalkit.evaluations.result import EvaluationResult
from evalkit.loggers.directories import errors_of, files_of, path_below
from evalkit.loggers.json_encoding import NOT_SERIALIZABLE, encode
from evalkit.loggers.logger import safe_file_name

_RESULTS = "results.json"
_PARTIAL = "partial.json"
_SHOWN = 12  # digits of an identity or a fingerprint in a name
_FIELDS = {"score", "counts", "values", "fingerprint", "rows"}
_NAN = float("nan")


class StateKey(NamedTuple):
    """Which parameters were evaluated: their step, and what tells them from others."""

    step: int
    identity: str


@final
class ResultFiles:
    """The folder of one checkpoint and step."""

    def __init__(self, results_dir: str | os.PathLike[str], key: StateKey) -> None:
        """Reads what there is; nothing is written yet."""
        self.folder = path_below(results_dir, f"step_{key.step:08d}-{key.identity[:_SHOWN]}")
        self._key = key
        self._files = files_of(results_dir)
        self._finished = self._entries_of(_RESULTS)
        self._entries = {**self._finished, **self._entries_of(_PARTIAL)}

    @property
    def path(self) -> str:
        """Of `results.json`."""
        return path_below(self.folder, _RESULTS)

    def prepare(self) -> None:
        """Makes the folder.

        Raises:
          LoggerError: it cannot be made, or no file in it.
        """
        with self._errors(self.folder):
            self._files.make_directory(self.folder)

    def result(self, name: str, fingerprint: str) -> EvaluationResult | None:
        """What an evaluation of this fingerprint found; None if that is not there, or not as it was written."""
        for entries in (self._entries, self._finished):
            entry = entries.get(name)
            if entry is None or entry["fingerprint"] != fingerprint:
                continue
            content = _read(path_below(self.folder, entry["rows"]["file"]))
            if content is not None and hashlib.sha256(content).hexdigest() == entry["rows"]["sha256"]:
                self._entries[name] = entry
                values = {key: _NAN if value is None else value for key, value in entry["values"].items()}
                score = _NAN if entry["score"] is None else entry["score"]
                rows = tuple(json.loads(line) for line in content.splitlines())
                return EvaluationResult(name, score, entry["counts"], values, rows)
        return None

    def finished(self, fingerprints: Mapping[str, str]) -> bool:
        """Whether `results.json` has an entry for each of these, by name."""
        return all(self._finished.get(name, {}).get("fingerprint") == told for name, told in fingerprints.items())

    def add(
        self, name: str, result: EvaluationResult, fingerprint: str, settings: Mapping[str, Any], seconds: float
    ) -> None:
        """Writes the rows, then the entry, to `partial.json`.

        Raises:
          LoggerError: a file cannot be written.
        """
        rows = b"".join(encode_row(row) + b"\n" for row in result.rows)
        file = f"{safe_file_name(name)}-{fingerprint[:_SHOWN]}.jsonl"
        self._write(file, [rows])
        self._entries[name] = {
            "score": result.score,
            "counts": dict(result.counts),
            "values": dict(result.values),
            "settings": dict(settings),
            "seconds": round(seconds, 3),
            "fingerprint": fingerprint,
            "rows": {"file": file, "count": len(result.rows), "sha256": hashlib.sha256(rows).hexdigest()},
        }
        self._write(_PARTIAL, [self._document(), b"\n"])

    def finish(self) -> None:
        """Makes `results.json` of all entries, and removes what nothing refers to any more.

        Raises:
          LoggerError: a file cannot be written.
        """
        if self._entries != self._finished:
            self._write(_RESULTS, [self._document(), b"\n"])
        with self._errors(self.folder):
            used = {entry["rows"]["file"] for entry in self._entries.values()}
            for name in tf.io.gfile.listdir(self.folder):
                if name == _PARTIAL or (name.endswith(".jsonl") and name not in used):
                    tf.io.gfile.remove(path_below(self.folder, name))
        self._finished = dict(self._entries)

    def _document(self) -> bytes:
        return encode({"step": self._key.step, "checkpoint": self._key.identity, "evaluations": self._entries})

    def _write(self, name: str, parts: Iterable[bytes]) -> None:
        path = path_below(self.folder, name)
        with self._errors(path), self._files.replacing(path) as file:
            file.writelines(parts)

    @contextlib.contextmanager
    def _errors(self, path: str) -> Iterator[None]:
        with errors_of("An EvaluationJob", path, "results_dir"):
            try:
                yield
            except tf.errors.OpError as error:
                raise OSError(error.message) from error

    def _entries_of(self, name: str) -> dict[str, Any]:
        content = _read(path_below(self.folder, name))
        if content is None:
            return {}
        try:
            document = json.loads(content)
            entries = document["evaluations"] if document["checkpoint"] == self._key.identity else {}
            return {name: entry for name, entry in entries.items() if set(entry) >= _FIELDS}
        except (ValueError, TypeError, KeyError, AttributeError):
            logging.warning("%s is not as evalkit wrote it, and is not used.", path_below(self.folder, name))
            return {}


def encode_row(row: Mapping[str, Any]) -> bytes:
    """A row as a line of JSON; what of it has no JSON form is shown as Python shows it.

    >>> encode_row({"index": 0, "y": {1, 2}})
    b'{"index":0,"y":"{1, 2}"}'
    """
    try:
        return encode(row)
    except NOT_SERIALIZABLE:
        return orjson.dumps({str(name): orjson.Fragment(_encoded(value)) for name, value in row.items()})


def _encoded(value: Any) -> bytes:
    try:
        return encode(value)
    except NOT_SERIALIZABLE:
        return encode(repr(value))


def _read(path: str) -> bytes | None:
    try:
        with tf.io.gfile.GFile(path, "rb") as file:
            content: bytes = file.read()
            return content
    except tf.errors.OpError:
        return None
