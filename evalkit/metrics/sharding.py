"""Which row is which example, when the examples are spread over shards and padded to full batches.

Every row carries a mask bit, false for a row that only fills its batch, and a pair (shard, position within the shard).
Drop the padding, sort by the pair, and the rows are those of one machine in the order of the data set. The names are
seqio's.

    >>> outputs, indices, mask = np.array([7, 5, 0, 6]), np.array([[1, 0], [0, 0], [0, 0], [0, 1]]), [1, 1, 0, 1]
    >>> indices, outputs = remove_padding_examples(outputs, indices, mask)
    >>> globally_sort_model_output(outputs, indices)
    array([5, 6, 7])
"""

from __future__ import annotations

from typing import Any

import numpy as np

from evalkit import errors
from evalkit.columns import Array
from evalkit.metrics.rows import count_rows, take_rows


def remove_padding_examples(model_output: Any, indices_2d: Any, mask: Any) -> tuple[Array, Any]:
    """Drops the rows that only fill a batch.

    Args:
      model_output: rows of all examples, padding included.
      indices_2d: int `[rows, 2]`, the shard and the position within it of each row.
      mask: `[rows]`, true (or 1) where the row is an example.

    Returns:
      `(indices_2d, model_output)` of the rows that are examples.

    Raises:
      MetricError: outputs, indices and mask differ in the number of rows.
    """
    keep = np.asarray(mask) == 1
    indices = as_indices(indices_2d, len(keep))
    _check_rows(model_output, len(keep), "mask")
    return indices[keep], take_rows(model_output, np.flatnonzero(keep))


def globally_sort_model_output(model_output: Any, indices_2d: Any) -> Any:
    """The rows in the order of the whole data set: by shard, then by position within the shard.

    Args:
      model_output: rows, in any order.
      indices_2d: int `[rows, 2]`, the shard and the position within it of each row.

    Raises:
      MetricError: outputs and indices differ in the number of rows.
    """
    indices = as_indices(indices_2d, None)
    _check_rows(model_output, len(indices), "indices_2d")
    return take_rows(model_output, np.lexsort((indices[:, 1], indices[:, 0])))


def as_indices(indices_2d: Any, rows: int | None) -> Array:
    """`indices_2d` as an int array `[rows, 2]`.

    Raises:
      MetricError: it has another shape or is not of integers.
    """
    indices = np.asarray(indices_2d)
    fits = indices.ndim == 2 and indices.shape[1] == 2 and rows in (None, len(indices))
    if not fits or not np.issubdtype(indices.dtype, np.integer):
        expected = f"[{'rows' if rows is None else rows}, 2]"
        raise errors.MetricError(
            f"indices_2d must hold integers of shape {expected}, the shard and the position within it of each row; "
            f"found {indices.dtype} of shape {list(indices.shape)}."
        )
    return indices


def _check_rows(model_output: Any, expected: int, beside: str) -> None:
    found = count_rows(model_output)
    if found != expected:
        raise errors.MetricError(f"The model output has {found} rows, but {beside} has {expected}.")


def check_each_once(indices_2d: Array, expected: int) -> None:
    """Checks that there are `expected` rows and no pair (shard, position) twice.

    Raises:
      MetricError: rows are missing, too many, or of one example; the message shows the first few.
    """
    pairs, counts = np.unique(indices_2d, axis=0, return_counts=True)
    twice = pairs[counts > 1]
    if len(twice):
        raise errors.MetricError(
            f"{len(twice)} examples were collected more than once; the first, as (shard, position): "
            f"{[tuple(pair) for pair in twice[:3].tolist()]}. Was a batch merged twice, or padding not masked?"
        )
    if len(indices_2d) != expected:
        raise errors.MetricError(
            f"Outputs of {len(indices_2d)} examples were collected, but the data set has {expected}. Were the parts of "
            "all shards merged?"
        )
