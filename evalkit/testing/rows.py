"""A source that gives the rows of a test.

A row is a dictionary of Python values, arrays or tensors, ragged ones too, and of dictionaries of these: what a TFDS
data set gives is written down as it is.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, TypeAlias

import tensorflow as tf

from evalkit import errors
from evalkit.data.nesting import flatten_dict, unflatten_dict
from evalkit.data.sources.function import FunctionDataSource
from evalkit.data.sources.in_memory import InMemoryDataSource
from evalkit.data.sources.source import DataSource
from evalkit.testing.values import shown

Row = Mapping[str, Any]
Rows: TypeAlias = Iterable[Row] | tf.data.Dataset

_DELIMITER = " / "  # which no feature's name has, and an error may show


def source_of_rows(rows: Mapping[str, Rows], features: Mapping[str, Any] | None = None) -> DataSource:
    """A source whose splits are `rows`.

    Args:
      rows: by split, dictionaries that all have the same features, or a dataset.
      features: dtype or `tf.TensorSpec` of features that are not what their Python values look like (`int` is int64,
        `float` is float32), or of a split without rows; one inside of others is called `answers / text`.

    Raises:
      ArgumentError: not a mapping from splits, no split, or rows that are no dictionaries.
    """
    if not isinstance(rows, Mapping) or not rows:
        raise errors.ArgumentError(
            f"Rows are given by split, such as {{'test': [{{'question': '1+1', 'answer': '2'}}]}}; found {shown(rows)}."
        )
    given = {split: part if isinstance(part, tf.data.Dataset) else _listed(split, part) for split, part in rows.items()}
    lists = {split: part for split, part in given.items() if isinstance(part, list)}
    flat = InMemoryDataSource(
        {split: [flatten_dict(row, _DELIMITER) for row in part] for split, part in lists.items()}, features
    )
    nested = any(isinstance(value, Mapping) for part in lists.values() for row in part for value in row.values())
    if len(lists) == len(given) and not nested:
        return flat

    def dataset_fn(split: str, shuffle_files: bool) -> tf.data.Dataset:
        if split not in lists:
            return given[split]
        dataset = flat.get_dataset(split, shuffle=shuffle_files)
        return dataset.map(lambda row: unflatten_dict(row, _DELIMITER))

    return FunctionDataSource(dataset_fn, list(given), {split: len(part) for split, part in lists.items()})


def _listed(split: str, rows: Iterable[Row]) -> list[dict[str, Any]]:
    if isinstance(rows, (Mapping, str)) or not isinstance(rows, Iterable):
        raise errors.ArgumentError(
            f"Split {split!r} is {shown(rows)}; expected a list of rows, or a dataset. Put a single row in a list."
        )
    listed = list(rows)
    for index, row in enumerate(listed):
        if not isinstance(row, Mapping):
            raise errors.ArgumentError(f"Row {index} of split {split!r} is {shown(row)}; expected a dictionary.")
    return [_without_tensors(row) for row in listed]


def _without_tensors(row: Row) -> dict[str, Any]:
    return {name: _without_tensor(value) for name, value in row.items()}


def _without_tensor(value: Any) -> Any:
    if isinstance(value, Mapping):
        return _without_tensors(value)
    return value.numpy() if isinstance(value, (tf.Tensor, tf.RaggedTensor)) else value
