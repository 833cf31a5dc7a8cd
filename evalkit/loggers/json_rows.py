"""The rows of a per-step file: each example with its target and everything that was inferred for it.

A value that has no JSON form costs its row that one field, never the row; each such field is reported once a file, with
the number of rows and the first reason.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, final

import numpy as np
import orjson
from absl import logging

from evalkit.columns import Array
from evalkit.loggers.json_encoding import NOT_SERIALIZABLE, Encode
from evalkit.loggers.json_inputs import Inputs, rows_of

AUX = "aux_value"
"""The kind of inference that is a dictionary of sequences."""

Values = Sequence[Any] | Array
"""One value per row."""


def result_fields(inferences: Mapping[str, Any], targets: Values) -> dict[str, Values]:
    """One sequence per field of a row besides "input", in the order in which a row has them (seqio's)."""
    fields: dict[str, Any] = {"target": targets}
    fields.update((kind, values) for kind, values in inferences.items() if kind != AUX)
    fields.update((f"aux_{name}", values) for name, values in inferences.get(AUX, {}).items())
    return {name: _sequence(values) for name, values in fields.items()}


def _sequence(values: Any) -> Values:
    if hasattr(values, "__array__"):
        return np.asarray(values)  # one transfer of a device array, not one a row
    return values if isinstance(values, Sequence) else list(values)


@final
@dataclasses.dataclass
class RowEncoder:
    """Encodes rows, and keeps the account of the fields that it had to leave out.

    Attributes:
      encode: from a value to its JSON text.
      left_out: by field, how many rows lack it, and why the first does.
      num_rows: rows encoded so far.
    """

    encode: Encode
    left_out: dict[str, tuple[int, str]] = dataclasses.field(default_factory=dict)
    num_rows: int = 0

    def chunks(self, inputs: Iterator[Inputs], fields: Mapping[str, Values]) -> Iterator[bytes]:
        """The lines of each chunk of inputs; where a field has fewer values than there are inputs, the rest is null."""
        for chunk in inputs:
            start, stop = self.num_rows, self.num_rows + len(chunk)
            results = {name: _slice(values, start, stop) for name, values in fields.items()}
            rows = rows_of({"input": chunk, **results}, len(chunk))
            try:
                lines = [self.encode(row) for row in rows]
            except NOT_SERIALIZABLE:
                lines = [self._row(row) for row in rows]
            lines.append(b"")
            yield b"\n".join(lines)
            self.num_rows = stop

    def _row(self, row: dict[str, Any]) -> bytes:
        try:
            return self.encode(row)
        except NOT_SERIALIZABLE:
            return orjson.dumps(self._parts(row))

    def _parts(self, row: dict[str, Any]) -> dict[str, Any]:
        """The fields of the row that can be encoded; of its input, the features that can."""
        parts: dict[str, Any] = {name: self._part(name, value) for name, value in row.items() if name != "input"}
        example = row["input"]
        if isinstance(example, Mapping):
            parts = {"input": self._features(example), **parts}
        else:
            parts = {"input": self._part("input", example), **parts}
        return {name: part for name, part in parts.items() if part is not None}

    def _features(self, example: Mapping[str, Any]) -> dict[str, orjson.Fragment]:
        features = {str(name): self._part(f"input/{name}", value) for name, value in example.items()}
        return {name: part for name, part in features.items() if part is not None}

    def _part(self, name: str, value: Any) -> orjson.Fragment | None:
        try:
            return orjson.Fragment(self.encode(value))
        except NOT_SERIALIZABLE as error:
            count, reason = self.left_out.get(name, (0, f"{type(error).__name__}: {error}"))
            self.left_out[name] = count + 1, reason
            return None

    def warn(self, path: str) -> None:
        """Logs one warning for each field that was left out of a row."""
        for name, (count, reason) in self.left_out.items():
            logging.warning(
                "`%s` is not JSON serializable and is left out of %d of the rows of %s (%s).", name, count, path, reason
            )


def _slice(values: Values, start: int, stop: int) -> list[Any]:
    part = values[start:stop]
    if isinstance(part, np.ndarray) and part.ndim == 1 and part.dtype.kind in "biuf":
        part = part.tolist()  # the elements of other arrays are left to `json_value`
    return [*part, *[None] * (stop - start - len(part))]
