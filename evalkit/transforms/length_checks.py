"""Checking that no feature is longer, or none of another length, than it was said to be.

What the static shapes settle is settled at once. The rest is checked while the dataset is read, by an operation in the
graph, whose `tf.errors.InvalidArgumentError` names the feature and both lengths. A step that works on windows of the
checked dataset checks them window by window, on the longest example of each.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

import tensorflow as tf

from evalkit.errors import FeatureError
from evalkit.transforms.windows import Window, map_dataset, remember_windows, windows_of

Lengths = Mapping[str, Mapping[int, int]]


def check_lengths(dataset: tf.data.Dataset, lengths: Lengths, *, exact: bool, stage: str) -> tf.data.Dataset:
    """The same examples, checked.

    Args:
      dataset: examples as dictionaries.
      lengths: for each feature to check, the length of its dimensions, by dimension.
      exact: whether shorter is an error as well.
      stage: what the check is part of, for the message.

    Raises:
      FeatureError: a static shape contradicts a length already.
    """
    unsettled = _unsettled(dataset.element_spec, lengths, exact, stage)
    if not unsettled:
        return dataset

    def check_example(example: Window) -> Window:
        return _with_assertions(example, unsettled, exact=exact, stage=stage, skipped_dimensions=0)

    def check_window(window: Window) -> Window:
        return _with_assertions(window, unsettled, exact=exact, stage=stage, skipped_dimensions=1)

    def open_checked(names: Collection[str], padding: Mapping[str, int]) -> tf.data.Dataset:
        return map_dataset(windows_of(dataset, names, padding), check_window)

    checked = map_dataset(dataset, check_example)
    return checked if exact else remember_windows(checked, open_checked)  # in a window the shorter ones are padded


def _unsettled(element_spec: Any, lengths: Lengths, exact: bool, stage: str) -> dict[str, dict[int, int]]:
    unsettled: dict[str, dict[int, int]] = {}
    for name, limits in lengths.items():
        for dimension, limit in limits.items():
            size = element_spec[name].shape[dimension]
            if size is None:
                unsettled.setdefault(name, {})[dimension] = limit
            elif size > limit or (exact and size != limit):
                raise FeatureError(f"{_complaint(name, limit, exact, stage)}; found length {size}. {_REMEDY}")
    return unsettled


_REMEDY = "Trim the feature in a preprocessor, or give it another length."


def _complaint(name: str, limit: int, exact: bool, stage: str) -> str:
    relation = "equal to" if exact else "less than or equal to"
    return f"Feature {name!r} has length not {relation} the expected length of {limit} during {stage}"


def _with_assertions(features: Window, lengths: Lengths, *, exact: bool, stage: str, skipped_dimensions: int) -> Window:
    for name, limits in lengths.items():  # in this order, so that of several features always the same one is named
        if name not in features:
            continue
        for dimension, limit in limits.items():
            found = _sizes(features[name], dimension + skipped_dimensions)
            fits = tf.reduce_all(tf.equal(found, limit) if exact else tf.less_equal(found, limit))
            # tf.debugging.Assert adds a conditional around this operation, which takes longer to trace than all else.
            complaint = f"{_complaint(name, limit, exact, stage)}; found length"
            tf.raw_ops.Assert(condition=fits, data=[complaint, found, _REMEDY])
    return features


def _sizes(value: tf.Tensor, dimension: int) -> tf.Tensor:
    """Int64: the size of a dimension; for a ragged one, of every row."""
    if isinstance(value, tf.RaggedTensor) and dimension > 0:
        return value.row_lengths(dimension)
    return (value.nrows() if isinstance(value, tf.RaggedTensor) else tf.shape(value, tf.int64)[dimension])[None]
