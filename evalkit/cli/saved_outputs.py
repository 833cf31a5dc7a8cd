"""Outputs of a model that somebody saved: rows of a JSONL file, matched with the examples that they answer.

Rows answer the examples in order, or name theirs by an index. Whatever does not fit is an error that says which line.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, final

import orjson
from tqdm import tqdm

from evalkit.errors import ModelOutputError, SourceError

FEW = 5
"""How many indices or names an error lists."""


@final
@dataclasses.dataclass(frozen=True)
class Row:
    """A line of the file.

    Attributes:
      path: the file.
      line: its number, from 1.
      fields: what is in it.
    """

    path: Path
    line: int
    fields: Mapping[str, Any]

    def get(self, name: str) -> Any:
        """The field `name`, or, where no field has this name, the one that its parts lead to: `model.solution`.

        Raises:
          SourceError: there is no such field.
        """
        if name in self.fields:
            return self.fields[name]
        value: Any = self.fields
        for part in name.split("."):
            if not isinstance(value, Mapping) or part not in value:
                known = _few(_field_names(self.fields))
                raise SourceError(
                    f"{self.path}:{self.line}: there is no field {name!r}; the row has {known}. Say "
                    "which with --field, --score_field or --index_field (for a field within a field: outer.inner)."
                )
            value = value[part]
        return value

    def output(self, name: str) -> str | Sequence[Any]:
        """The field `name` as the output of a model: text, or token ids.

        Raises:
          SourceError: it is neither, or missing.
        """
        value = self.get(name)
        if isinstance(value, str | list):
            return value
        raise self._wrong_type(name, value, "text, or a list of token ids")

    def number(self, name: str) -> float:
        """The field `name` as a number.

        Raises:
          SourceError: it is none, or missing.
        """
        value = self.get(name)
        if isinstance(value, int | float) and not isinstance(value, bool):
            return value
        raise self._wrong_type(name, value, "a number")

    def index(self, name: str) -> int:
        """The field `name` as the index of an example.

        Raises:
          SourceError: it is no integer, or missing.
        """
        value = self.get(name)
        if isinstance(value, int) and not isinstance(value, bool):
            return value
        raise self._wrong_type(name, value, "the index of an example, an integer from 0")

    def _wrong_type(self, name: str, value: Any, expected: str) -> SourceError:
        found = f"{type(value).__name__} {str(value)[:40]!r}"
        return SourceError(f"{self.path}:{self.line}: field {name!r} is {found}; expected {expected}.")


def read_rows(path: str | Path) -> list[Row]:
    """Reads a JSONL file: an object a line; empty lines are skipped.

    Raises:
      SourceError: the file cannot be read, has no rows, or a line is no JSON object.
    """
    path = Path(path)
    try:
        lines = path.read_bytes().splitlines()
    except OSError as error:
        raise SourceError(f"Cannot read the predictions in {str(path)!r}: {error.strerror}.") from error
    bar = tqdm(lines, desc=f"reading {path.name}", unit=" rows", leave=False, disable=None)
    rows = [_parsed(path, number, line) for number, line in enumerate(bar, start=1) if line.strip()]
    if not rows:
        raise SourceError(f'{path} has no rows; expected a JSON object a line, such as {{"prediction": "42"}}.')
    return rows


def _parsed(path: Path, number: int, line: bytes) -> Row:
    try:
        fields = orjson.loads(line)
    except orjson.JSONDecodeError as error:
        found = line[:40].decode(errors="replace")
        raise SourceError(f"{path}:{number}: not JSON ({error}): {found!r}. Expected an object a line.") from error
    if not isinstance(fields, dict):
        raise SourceError(
            f'{path}:{number}: {type(fields).__name__} instead of a JSON object such as {{"prediction": …}}.'
        )
    return Row(path, number, fields)


def example_indices(rows: Sequence[Row], num_examples: int, index_field: str | None) -> list[int]:
    """The index of the example that each row answers.

    Args:
      rows: the rows, at least one.
      num_examples: how many examples there are.
      index_field: the field that has the index; None: the rows are in the order of the examples.

    Raises:
      ModelOutputError: an example has no row, or several; a row is for an example that does not exist.
      SourceError: a row has no index.
    """
    if index_field is None:
        if len(rows) != num_examples:
            raise ModelOutputError(
                f"{rows[0].path} has {len(rows)} rows for {num_examples} examples. Give a row for each example, in "
                "their order; or name the field that has each row's index with --index_field; or judge only the first "
                "ones with --num_examples."
            )
        return list(range(num_examples))
    lines: dict[int, int] = {}
    for row in rows:
        index = row.index(index_field)
        if not 0 <= index < num_examples:
            raise ModelOutputError(
                f"{row.path}:{row.line}: index {index} is foreign: examples have the indices 0 to {num_examples - 1}."
            )
        if index in lines:
            raise ModelOutputError(
                f"{row.path}:{row.line}: index {index} is there twice, first in line {lines[index]}. Keep one of them."
            )
        lines[index] = row.line
    missing = [index for index in range(num_examples) if index not in lines]
    if missing:
        raise ModelOutputError(
            f"{rows[0].path}: {len(missing)} of {num_examples} examples are missing: indices {_few(missing)}. Give a "
            "row for each; an output that failed is an empty text, which is judged as wrong."
        )
    return list(lines)


def _field_names(fields: Mapping[str, Any], prefix: str = "") -> list[str]:
    """The names of all fields, those within a field joined by dots."""
    names = []
    for name, value in fields.items():
        names += _field_names(value, f"{prefix}{name}.") if isinstance(value, Mapping) else [f"{prefix}{name}"]
    return names


def _few(values: Sequence[Any]) -> str:
    return ", ".join(map(str, values[:FEW])) + (", …" if len(values) > FEW else "")
