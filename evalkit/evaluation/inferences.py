"""Model outputs to what metrics judge: decoded once, postprocessed once, whatever the number of metrics.

Outputs are token ids (decoded by the target feature's vocabulary, all of a task in one call), the ids of several
samples per example (top-k: each is decoded), or something that is decoded already (strings, numbers), which passes as
it is.
"""

from __future__ import annotations

import array
import itertools
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol

import numpy as np

from evalkit.columns import Columns, Ragged, offsets
from evalkit.errors import ArgumentError, ModelOutputError, PostprocessError
from evalkit.evaluation.user_code import calling

Postprocess = Callable[..., Any]


class Decoder(Protocol):
    """What decoding asks of a vocabulary: a row ends at its first `eos_id`, if there is one."""

    @property
    def eos_id(self) -> int | None:
        """The id that ends a row."""

    def decode(self, ids: Any) -> Any:
        """One row of ids."""

    def decode_batch(self, ids: Ragged) -> list[str]:
        """Many rows of ids."""


def decode_outputs(task_name: str, vocabulary: Decoder, outputs: Sequence[Any]) -> list[Any]:
    """The text of each output.

    Args:
      task_name: for messages.
      vocabulary: of the target feature.
      outputs: per example a row of ids `[length]` (empty ones too), or rows of ids `[samples, length]`, ragged or not;
        or strings, bytes or scalars, which are returned as they are.

    Raises:
      ModelOutputError: the outputs of the task are of several of these kinds.
    """
    kinds = {_depth(output) for output in outputs} or {0}
    if len(kinds) > 1 and 0 in kinds:
        odd = next(index for index, output in enumerate(outputs) if _depth(output) != _depth(outputs[0]))
        raise ModelOutputError(
            f"Task {task_name!r}: outputs 0 and {odd} differ in kind ({_kind(outputs[0])} and {_kind(outputs[odd])}); "
            "a model function returns token ids for every example, or decoded text for every example."
        )
    depth = max(kinds)  # an example without samples, [], looks like an empty row
    if depth == 0:
        return list(outputs)
    if depth == 1:
        return _decode_rows(vocabulary, outputs)
    samples = list(itertools.chain.from_iterable(outputs))
    texts = iter(_decode_rows(vocabulary, samples))
    return [list(itertools.islice(texts, len(rows))) for rows in outputs]


def _depth(output: Any) -> int:
    """How many dimensions an output has: 0 for what is decoded already."""
    if isinstance(output, (str, bytes, int, float)):
        return 0
    ndim = getattr(output, "ndim", None)
    if ndim is not None:
        return int(ndim)
    if not isinstance(output, (list, tuple)):
        return 0
    first = output[0] if output else 0
    return 1 if isinstance(first, (int, float, np.number, str, bytes)) else 1 + _depth(first)


def _kind(output: Any) -> str:
    return ("decoded", "token ids", "samples of token ids")[min(_depth(output), 2)] + f" {type(output).__name__}"


def _decode_rows(vocabulary: Decoder, rows: Sequence[Any]) -> list[Any]:
    """Decodes rows of ids: integers all at once; anything else that a vocabulary may take, row by row."""
    eos_id = vocabulary.eos_id
    if eos_id is not None and set(map(type, rows)) == {list}:
        # Decoding ends at the first EOS. Most of a padded row lies behind it, and need not be converted at all.
        rows = [_until(eos_id, row) for row in rows]
    ids = _integer_rows(rows)
    return [vocabulary.decode(row) for row in rows] if ids is None else vocabulary.decode_batch(ids)


def _until(eos_id: int, row: list[Any]) -> list[Any]:
    try:
        return row[: row.index(eos_id) + 1]
    except ValueError:
        return row


def _integer_rows(rows: Sequence[Any]) -> Ragged | None:
    """The rows as one ragged array of int64 ids, or None if an element is no integer."""
    splits = offsets(np.fromiter(map(len, rows), np.int64, len(rows)))
    if all(hasattr(row, "dtype") for row in rows):
        parts = [np.asarray(row) for row in rows]
        if any(part.dtype.kind not in "iu" and part.size for part in parts):
            return None
        return Ragged(np.concatenate([*parts, np.zeros(0, np.int64)], dtype=np.int64, casting="unsafe"), splits)
    ids = array.array("q")
    try:
        for row in rows:  # the fastest way into an array that refuses what is no integer
            ids.fromlist(row if isinstance(row, list) else list(row))
    except (TypeError, OverflowError):
        return None
    return Ragged(np.frombuffer(ids, np.int64) if ids else np.zeros(0, np.int64), splits)


def target_texts(task_name: str, columns: Columns, field: str, vocabulary: Decoder) -> list[Any]:
    """The targets before postprocessing: `<field>_pretokenized` where the examples have it, else the ids decoded.

    Raises:
      ArgumentError: the examples have neither.
    """
    pretokenized = columns.get(f"{field}_pretokenized")
    if pretokenized is not None:
        if pretokenized.is_text and not pretokenized.shape:
            return [text.decode("utf-8") for text in pretokenized.strings(0, len(pretokenized))]
        return [example[f"{field}_pretokenized"] for example in columns.examples]
    if field not in columns:
        raise ArgumentError(
            f"Task {task_name!r}: its examples lack the target field {field!r}, found: {', '.join(map(repr, columns))}."
        )
    column = columns[field]
    if column.is_text or len(column.shape) != 1 or column.values.dtype.kind not in "iu":
        return [vocabulary.decode(list(example)) for example in (column[i] for i in range(len(column)))]
    return _decode_rows(vocabulary, [column[i] for i in range(len(column))])


def postprocessed(
    task_name: str,
    function: Postprocess | None,
    values: Sequence[Any],
    examples: Sequence[Mapping[str, Any]],
    is_target: bool,
) -> list[Any]:
    """Applies a task's postprocess function to each value, with `example=` and `is_target=` as keywords.

    Raises:
      PostprocessError: the function raised; names the task, the function and the example.
    """
    if function is None:
        return list(values)
    result: list[Any] = []
    name = getattr(function, "__name__", type(function).__name__)
    kind = "target" if is_target else "prediction"
    with calling(PostprocessError, lambda: f"Task {task_name!r}, example {len(result)}, {kind}: {name}"):
        for value, example in zip(values, examples, strict=True):
            result.append(function(value, example=example, is_target=is_target))
    return result
