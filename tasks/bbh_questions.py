r"""Where the tasks of BIG-Bench Hard get their questions from: a folder with a JSON file for each subject.

A file is `{"canary": …, "examples": [{"input": …, "target": …}, …]}`. Each example becomes `inputs` (the question),
`targets` (the answer), `choices` (all answers that the question offers) and `question`, its place in the file.

    >>> answers_of("Which one is red?\nOptions:\n(A) the sky\n(B) a brick")
    ['(A)', '(B)']
    >>> answers_of("not ( True ) and ( True ) is")
    ['True', 'False']
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, final

import orjson
import tensorflow as tf

from evalkit import errors
from evalkit.data.content_hash import fingerprint
from evalkit.data.sources.field_type import declared_features
from evalkit.data.sources.file_patterns import file_states
from evalkit.data.sources.rows_source import RowsSource
from evalkit.data.sources.typed_column import TypedColumn
from evalkit.data.sources.typed_rows import columns_of_rows

TEST, SHOTS = "test", "shots"
"""The split that is evaluated, and the one whose examples show how it is done."""

_FEATURES = declared_features(
    {"inputs": tf.string, "targets": tf.string, "choices": tf.TensorSpec([None], tf.string), "question": tf.int64}
)
_OPTIONS = "\nOptions:\n"
_LABEL = re.compile(r"^\([A-Z]\)", re.MULTILINE)


def answers_of(question: str) -> list[str]:
    """The answers that a question offers: the labels of its options; without options, it asks whether True or False."""
    _, found, options = question.partition(_OPTIONS)
    return _LABEL.findall(options) if found else ["True", "False"]


@final
class BbhDataSource(RowsSource):
    """The questions of one subject.

    The split "test" has all of them. Where shots are asked for, these are the first questions of the file, in the split
    "shots", and "test" has the others: no question is among its own shots.
    """

    def __init__(self, subject: str, data_dir: str | os.PathLike[str] | None, num_shots: int = 0) -> None:
        """Describes the source; nothing is read yet.

        Args:
          subject: the name of the file, without `.json`.
          data_dir: the folder with the file; None for a source that says where to get it when it is read.
          num_shots: how many questions are shots.

        Raises:
          ArgumentError: `num_shots` is negative.
        """
        if num_shots < 0:
            raise errors.ArgumentError(f"num_shots must be at least 0, found {num_shots}.")
        self._subject = subject
        self._data_dir = data_dir
        self._num_shots = num_shots
        super().__init__([SHOTS, TEST] if num_shots else [TEST])

    def list_shards(self, split: str) -> Sequence[str]:
        """The file.

        Raises:
          ArgumentError: there is no such split.
          SourceError: there is no folder.
        """
        self.check_split(split)
        if self._data_dir is None:
            raise errors.SourceError(
                f"Nobody said where {self._subject}.json of BIG-Bench Hard is. Set the environment variable BBH_DIR to "
                "the folder before evalkit.tasks.bbh is imported, or pass data_dir to its register. The folder 'bbh' "
                "of https://github.com/suzgunmirac/BIG-Bench-Hard has the files."
            )
        return [str(Path(self._data_dir) / f"{self._subject}.json")]

    def read_columns(self, split: str) -> Mapping[str, TypedColumn]:
        """The questions of `split`, checked, by feature."""
        [path] = self.list_shards(split)
        rows = [_row(path, place, example) for place, example in enumerate(_examples(path))]
        first, end = (0, self._num_shots) if split == SHOTS else (self._num_shots, len(rows))
        if len(rows) <= self._num_shots:
            raise errors.SourceError(
                f"{path} has {len(rows)} examples, which leaves none to ask after {self._num_shots} shots."
            )
        return columns_of_rows(rows[first:end], _FEATURES, lambda row: f"{path}, example {first + row}")

    def fingerprint(self, split: str) -> str:
        """A hash of the file's path, size and time of change, and of what `split` has of it."""
        return fingerprint(("BbhDataSource", file_states(self.list_shards(split)), split, self._num_shots))

    def __repr__(self) -> str:
        folder = None if self._data_dir is None else str(self._data_dir)
        return f"BbhDataSource({self._subject!r}, {folder!r}, num_shots={self._num_shots})"


def _examples(path: str) -> list[Any]:
    try:
        with tf.io.gfile.GFile(path, "rb") as file:
            content = orjson.loads(file.read())
    except tf.errors.OpError as error:
        raise errors.SourceError(f"{path} cannot be read: {error.message}. Does BBH_DIR name the folder?") from error
    except orjson.JSONDecodeError as error:
        raise errors.SourceError(f"{path} is not JSON: {error}. Was it downloaded whole?") from error
    examples = content.get("examples") if isinstance(content, dict) else None
    if not isinstance(examples, list):
        raise errors.SourceError(f"{path} has no list 'examples'. Is it a file of BIG-Bench Hard?")
    return examples


def _row(path: str, place: int, example: Any) -> dict[str, Any]:
    question, answer = (example.get(key) if isinstance(example, dict) else None for key in ("input", "target"))
    if not isinstance(question, str) or not isinstance(answer, str):
        raise errors.SourceError(
            f"{path}, example {place} must be an object with the texts 'input' and 'target', found {example!r:.100}."
        )
    choices = answers_of(question)
    if len(choices) < 2 or len(set(choices)) < len(choices) or answer not in choices:
        raise errors.SourceError(
            f"{path}, example {place}: the target {answer!r} must be one of at least two different answers, and the "
            f"question offers {', '.join(choices) or 'none'}."
        )
    return {"inputs": question, "targets": answer, "choices": choices, "question": place}
