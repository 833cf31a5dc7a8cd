"""JSON Lines: one object a line, checked before the first example is used.

A file is read and parsed whole, which for what an evaluation reads is the fastest way and the only one that finds a bad
line before a model has run for an hour. What was read is let go with the dataset that was made of it.
"""

from __future__ import annotations

import bisect
import itertools
from collections.abc import Mapping, Sequence
from typing import Any, final

import orjson
import tensorflow as tf

from evalkit import errors
from evalkit.data.content_hash import fingerprint
from evalkit.data.sources.field_type import declared_features
from evalkit.data.sources.file_patterns import FilePatterns, checked_patterns, file_states, matching_files
from evalkit.data.sources.rows_source import RowsSource
from evalkit.data.sources.typed_column import TypedColumn
from evalkit.data.sources.typed_rows import columns_of_rows

_BYTE_ORDER_MARK = b"\xef\xbb\xbf"


@final
class JsonLinesDataSource(RowsSource):
    """Objects of JSON Lines files, as dictionaries of tensors.

    Texts are strings, integers int64, other numbers float32, unless `features` declares another dtype; lists give
    tensors, lists of lists too. All lines of a split must agree. Blank lines at the end of a file are passed over.

        >>> JsonLinesDataSource({"test": "gsm8k/test.jsonl"}, features={"question": tf.string, "answer": tf.string})
        JsonLinesDataSource({'test': 'gsm8k/test.jsonl'}, features=['question', 'answer'])
    """

    def __init__(
        self,
        split_to_filepattern: Mapping[str, FilePatterns],
        features: Mapping[str, Any] | None = None,
        caching_permitted: bool = True,
    ) -> None:
        """Describes the source; no file is looked for yet.

        Args:
          split_to_filepattern: the path, the glob, or several of them, of each split.
          features: dtype or `tf.TensorSpec` of the features that are wanted; other keys are passed over. None for the
            keys of the first line, with dtypes as found there, which all lines must then have.
          caching_permitted: whether the examples may be written to an offline cache.

        Raises:
          ArgumentError: a split without a pattern, or a declaration that is none.
        """
        self._split_to_filepattern = checked_patterns(split_to_filepattern)
        self._features = declared_features(features)
        self._num_lines: dict[str, int] = {}  # by the state of the files, so that a changed file is counted again
        super().__init__(self._split_to_filepattern, caching_permitted=caching_permitted)

    def list_shards(self, split: str) -> Sequence[str]:
        """The files of `split`, in reading order.

        Raises:
          ArgumentError: there is no such split.
          SourceError: a pattern that no file matches.
        """
        self.check_split(split)
        return matching_files(self._split_to_filepattern[split], split)

    def num_input_examples(self, split: str) -> int:
        """How many lines `split` has; they are counted once, and again when a file has changed.

        Raises:
          ArgumentError: there is no such split.
          SourceError: a pattern that no file matches, or a file that cannot be read.
        """
        paths = self.list_shards(split)
        key = fingerprint(file_states(paths))
        if key not in self._num_lines:
            self._num_lines[key] = sum(content.count(b"\n") + 1 for content in map(_content, paths) if content)
        return self._num_lines[key]

    def read_columns(self, split: str) -> Mapping[str, TypedColumn]:
        """All lines of `split`, checked, by feature."""
        paths = self.list_shards(split)
        files = [_parsed(path) for path in paths]
        starts = [0, *itertools.accumulate(map(len, files))]

        def where(row: int) -> str:
            file = bisect.bisect_right(starts, row) - 1
            return f"{paths[file]}, line {row - starts[file] + 1}"

        return columns_of_rows(list(itertools.chain.from_iterable(files)), self._features, where)

    def fingerprint(self, split: str) -> str:
        """A hash of paths, sizes and times of change of the files, and of the declared features."""
        return fingerprint(("JsonLinesDataSource", file_states(self.list_shards(split)), self._features))

    def __repr__(self) -> str:
        features = "" if self._features is None else f", features={list(self._features)}"
        return f"JsonLinesDataSource({self._split_to_filepattern}{features})"


def _content(path: str) -> bytes:
    """The bytes of a file, without a byte order mark and blank lines at its end."""
    try:
        with tf.io.gfile.GFile(path, "rb") as file:
            content: bytes = file.read()
    except tf.errors.OpError as error:
        raise errors.SourceError(f"{path} cannot be read: {error.message}") from error
    return content.removeprefix(_BYTE_ORDER_MARK).rstrip()


def _parsed(path: str) -> list[Any]:
    content = _content(path)
    lines = content.split(b"\n") if content else []
    del content
    try:
        return list(map(orjson.loads, lines))
    except orjson.JSONDecodeError:
        for number, line in enumerate(lines, 1):
            _check_line(path, number, line)
        raise


def _check_line(path: str, number: int, line: bytes) -> None:
    try:
        line.decode("utf-8")
        orjson.loads(line)
    except UnicodeDecodeError as error:
        raise errors.SourceError(
            f"{path}, line {number} is not UTF-8: byte {line[error.start]:#04x} at position {error.start}. Convert "
            "the file, for example with: iconv -f LATIN1 -t UTF-8"
        ) from error
    except orjson.JSONDecodeError as error:
        found = line.decode("utf-8").strip()
        what = f"{found[:57]}..." if len(found) > 60 else found
        raise errors.SourceError(
            f"{path}, line {number} is not JSON: {error}; found {what!r}. Each line must be one whole object, and no "
            "line blank but the last ones."
        ) from error
