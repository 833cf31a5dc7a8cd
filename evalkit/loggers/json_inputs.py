"""The examples of a data set as values that JSON has, some hundred at a time.

A large array is written as its first and last elements, so reading whole examples would be mostly waste. Here a
feature is read as a column: the shown elements of all rows are gathered at once, and texts are decoded together. Any
other iterable of examples takes the slow way, one example after the other.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import numpy as np
import orjson

from evalkit.columns import Array, Column, Columns, columns_of
from evalkit.loggers.json_encoding import MAX_ARRAY_SIZE, SHOWN, array_summary, plain_numbers, texts_of

CHUNK = 512
"""Examples read at a time: enough that numpy's calls cost nothing per row, and about a megabyte of text."""

Inputs = list[Any]
"""The "input" of consecutive rows."""


def json_inputs(dataset: Any, limit: int | None) -> Iterator[Inputs]:
    """Chunks of the examples of `dataset`, at most `limit` in all, their large arrays already summarised."""
    columns = columns_of(dataset)
    if columns is not None:
        return _from_columns(columns, limit)
    if _is_simple(getattr(dataset, "element_spec", None)):
        return _from_batches(dataset if limit is None else dataset.take(limit))
    return _chunks(dataset, limit)


def numpy_inputs(dataset: Any, limit: int | None) -> Iterator[Inputs]:
    """Chunks of the examples of `dataset`, at most `limit` in all, as they are, for an encoder of the user's own."""
    columns = columns_of(dataset)
    for chunk in _chunks(dataset if columns is None else columns.examples, limit):
        yield [_as_numpy(example) for example in chunk]


def _chunks(examples: Iterable[Any], limit: int | None) -> Iterator[Inputs]:
    remaining = itertools.islice(examples, limit)
    while chunk := list(itertools.islice(remaining, CHUNK)):
        yield chunk


def _as_numpy(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {name: _as_numpy(part) for name, part in value.items()}
    return value.numpy() if hasattr(value, "numpy") else value


def rows_of(fields: Mapping[str, list[Any]], count: int) -> list[dict[str, Any]]:
    """One dictionary per row; filled field by field, which is three times faster than making each with `zip`."""
    rows: list[dict[str, Any]] = [{} for _ in range(count)]
    for name, values in fields.items():
        for row, value in zip(rows, values, strict=True):
            row[name] = value
    return rows


def _from_columns(columns: Columns, limit: int | None) -> Iterator[Inputs]:
    count = columns.num_examples if limit is None else min(limit, columns.num_examples)
    for start in range(0, count, CHUNK):
        stop = min(start + CHUNK, count)
        yield rows_of({name: _column_values(column, start, stop) for name, column in columns.items()}, stop - start)


def _column_values(column: Column, start: int, stop: int) -> list[Any]:
    if column.is_text and column.shape == ():
        return texts_of(column.strings(start, stop))
    if column.is_text or column.shapes is not None:
        return [column[index] for index in range(start, stop)]
    splits = column.splits[start : stop + 1]
    return number_values(column.values[splits[0] : splits[-1]], splits - splits[0], column.shape)


def _is_simple(spec: Any) -> bool:
    """Whether `spec` is a dictionary of dense numbers of rank 0 or 1 and single strings: what `_from_batches` reads."""
    return isinstance(spec, dict) and all(
        type(feature).__name__ == "TensorSpec"  # TensorFlow may not be imported here
        and feature.shape.rank in ((0,) if feature.dtype.name == "string" else (0, 1))
        for feature in spec.values()
    )


def _from_batches(dataset: Any) -> Iterator[Inputs]:
    for batch in dataset.ragged_batch(CHUNK).prefetch(1):
        features = {name: _batch_values(values) for name, values in batch.items()}
        yield rows_of(features, len(next(iter(features.values()))))


def _batch_values(batch: Any) -> list[Any]:
    if hasattr(batch, "row_splits"):
        return number_values(batch.flat_values.numpy(), batch.row_splits.numpy(), (None,))
    values = batch.numpy()
    if values.dtype == object:
        return texts_of(values.tolist())
    count, shape = len(values), values.shape[1:]
    return number_values(values.reshape(-1), np.arange(count + 1) * math.prod(shape), shape)


def number_values(values: Array, splits: Array, shape: tuple[int | None, ...]) -> list[Any]:
    """One value per row, as `json_encoding.json_value` gives it for the row's array.

    Args:
      values: the elements of all rows.
      splits: where each row begins, from 0 to the number of elements.
      shape: the shape of every row, or (None,) for vectors of different lengths.
    """
    if shape == ():
        numbers: list[Any] = plain_numbers(values).tolist()
        return numbers
    if None in shape:
        return _ragged_values(values, splits)
    dense = _dense(values, splits, math.prod(size or 0 for size in shape))
    if dense.shape[1] <= MAX_ARRAY_SIZE:
        return plain_numbers(dense).reshape(len(dense), *shape).tolist()
    ends = zip(_texts(dense[:, :SHOWN]), _texts(dense[:, -SHOWN:]), strict=True)
    return [array_summary(str(shape), values.dtype, first, last) for first, last in ends]


def _dense(values: Array, splits: Array, size: int) -> Array:
    """Rows `[rows, size]`; a row with fewer elements has zeros at its end (see `Column`)."""
    lengths = np.diff(splits)
    if len(values) == len(lengths) * size:
        return values.reshape(len(lengths), size)
    dense = np.zeros((len(lengths), size), values.dtype)
    dense[np.arange(size) < lengths[:, None]] = values
    return dense


def _ragged_values(values: Array, splits: Array) -> list[Any]:
    lengths = np.diff(splits)
    large = np.flatnonzero(lengths > MAX_ARRAY_SIZE)
    shown = np.arange(SHOWN)
    firsts = _texts(values[splits[large][:, None] + shown])
    lasts = _texts(values[splits[large + 1][:, None] - SHOWN + shown])
    head, tail = "ndarray(shape=(", f",), dtype={values.dtype}); summary: "  # `array_summary`, with less to do per row
    summaries = [
        f"{head}{length}{tail}{first} ... {last}"
        for length, first, last in zip(lengths[large].tolist(), firsts, lasts, strict=True)
    ]
    if len(large) == len(lengths):
        return summaries
    plain = plain_numbers(values)
    rows: list[Any] = [None] * len(lengths)
    for index, summary in zip(large.tolist(), summaries, strict=True):
        rows[index] = summary
    for index in np.flatnonzero(lengths <= MAX_ARRAY_SIZE).tolist():
        rows[index] = plain[splits[index] : splits[index + 1]].tolist()
    return rows


def _texts(rows: Array) -> list[str]:
    """Each row of `[rows, elements]` as a list is printed, without brackets; all printed at once, which is faster."""
    if not len(rows):
        return []
    if rows.dtype.kind in "iu":  # orjson prints integers as Python does, but for the spaces
        text = orjson.dumps(np.ascontiguousarray(rows), option=orjson.OPT_SERIALIZE_NUMPY).decode().replace(",", ", ")
    else:
        text = str(plain_numbers(rows).tolist())
    return text[2:-2].split("], [")
