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
from evalkit.errors import ArgumentError, FeatureError, ModelOutputError, PostprocessError
from evalkit.evaluation.user_code import calling, guarding

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
    depths = [_depth(output) for output in outputs]
    kinds = {depth for depth, output in zip(depths, outputs, strict=True) if not _is_empty(output)} or {1}
    if len(kinds) > 1 and 0 in kinds:
        odd = next(index for index, depth in enumerate(depths) if depth != depths[0])
        raise ModelOutputError(
            f"Task {task_name!r}: outputs 0 and {odd} differ in kind ({_kind(outputs[0])} and {_kind(outputs[odd])}); "
            "a model function returns token ids for every example, or decoded text for every example."
        )
    depth = max(kinds)
    if depth == 0:
        return list(outputs)
    if depth == 1:
        return _decode_rows(vocabulary, outputs)
    samples = list(itertools.chain.from_iterable(outputs))
    texts = iter(_decode_rows(vocabulary, samples))
    return [list(itertools.islice(texts, len(rows))) for rows in outputs]


def _is_empty(output: Any) -> bool:
    """Whether it is [], which may be an empty row of ids as well as no samples."""
    return isinstance(output, (list, tuple)) and not output


def _depth(output: Any) -> int:
    """How many dimensions of ids an output has: 0 for what is decoded already, be it one text or several."""
    if isinstance(output, (str, bytes, int, float)):
        return 0
    ndim = getattr(output, "ndim", None)
    if ndim is not None:
        return int(ndim) if output.dtype.kind not in "OSU" else 0
    if not isinstance(output, (list, tuple)):
        return 0
    if not output or isinstance(output[0], (int, float, np.number)):
        return 1
    inner = _depth(output[0])
    return 1 + inner if inner else 0


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
      FeatureError: a text is not UTF-8, or ids cannot be decoded.
    """
    name = f"{field}_pretokenized" if f"{field}_pretokenized" in columns else field
    if name not in columns:
        raise ArgumentError(
            f"Task {task_name!r}: its examples lack the target field {field!r}, found: {', '.join(map(repr, columns))}."
        )
    column = columns[name]
    if column.is_text and not column.shape:
        return _decoded_utf8(task_name, name, column.strings(0, len(column)))
    rows = [column[position] for position in range(len(column))]
    if name != field or not column.shape:
        return rows
    with guarding(FeatureError, lambda: f"Task {task_name!r}: decoding the target feature {field!r}"):
        return _decode_rows(vocabulary, rows if column.values.dtype.kind in "iu" else [list(row) for row in rows])


def _decoded_utf8(task_name: str, feature: str, texts: list[bytes]) -> list[str]:
    decoded: list[str] = []
    try:
        decoded.extend(text.decode("utf-8") for text in texts)
    except UnicodeDecodeError as error:
        raise FeatureError(
            f"Task {task_name!r}, example {len(decoded)}: feature {feature!r} is not UTF-8 ({error.reason} at byte "
            f"{error.start}): {texts[len(decoded)][:40]!r}. Repair the source, or decode it in a preprocessor."
        ) from error
    return decoded


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
