"""Cutting and padding features to their lengths.

A length is one number for the first dimension, or a sequence with a number for each dimension; None leaves a dimension
as it is. Padding is zeros at the end.
"""

from __future__ import annotations

import operator
from collections.abc import Container, Mapping, Sequence
from typing import SupportsIndex

import tensorflow as tf

from evalkit.errors import FeatureError
from evalkit.transforms.windows import fits_windows, map_dataset, map_windows, select

Length = SupportsIndex | Sequence[SupportsIndex | None] | None


def trim_dataset(
    dataset: tf.data.Dataset, sequence_length: Mapping[str, Length] | None, output_features: Container[str]
) -> tf.data.Dataset:
    """Cuts output features to their sequence lengths; nothing is padded, other features stay as they are.

    Args:
      dataset: examples as dictionaries.
      sequence_length: the longest that each feature may be; a feature that it lacks, or has None for, is not cut.
      output_features: the names of the features that may be cut.

    Returns:
      The dataset, unchanged where there is nothing to cut.

    Raises:
      FeatureError: a length has more dimensions than its feature.

    Example:
      >>> dataset = tf.data.Dataset.from_tensors({"inputs": [1, 2, 3], "targets": [4, 5, 6]})
      >>> trimmed = trim_dataset(dataset, {"inputs": 2}, output_features={"inputs", "targets"})
      >>> {name: value.tolist() for name, value in next(trimmed.as_numpy_iterator()).items()}
      {'inputs': [1, 2], 'targets': [4, 5, 6]}
    """
    lengths = {
        name: length
        for name, length in (sequence_length or {}).items()
        if length is not None and name in output_features and name in dataset.element_spec
    }
    if not lengths:
        return dataset
    check_length_ranks(dataset.element_spec, lengths)

    def trim_example(example: Mapping[str, tf.Tensor]) -> dict[str, tf.Tensor]:
        return {name: trim(value, lengths[name]) if name in lengths else value for name, value in example.items()}

    return map_dataset(dataset, trim_example)


def trim_and_pad_dataset(dataset: tf.data.Dataset, feature_lengths: Mapping[str, Length]) -> tf.data.Dataset:
    """Cuts or pads with zeros, so that each feature named in `feature_lengths` has exactly that length.

    Ragged features become dense first, as wide as their longest row, even one that is cut. Features without a length
    stay as they are. The static shapes are set.

    Raises:
      FeatureError: a length has more dimensions than its feature.

    Example:
      >>> dataset = tf.data.Dataset.from_tensors({"inputs": [1, 2, 3], "targets": [4]})
      >>> padded = trim_and_pad_dataset(dataset, {"inputs": 2, "targets": 3})
      >>> {name: value.tolist() for name, value in next(padded.as_numpy_iterator()).items()}
      {'inputs': [1, 2], 'targets': [4, 0, 0]}
    """
    check_length_ranks(dataset.element_spec, feature_lengths)
    dimensions = {name: dimension_lengths(length) for name, length in feature_lengths.items()}
    names = list(dataset.element_spec)
    plain = select(dataset, names)
    if fits_windows(plain.element_spec, dimensions):
        in_windows = {name: (None, *lengths) for name, lengths in dimensions.items()}
        return map_windows(plain, lambda window: _trim_and_pad(window, in_windows), names)
    return map_dataset(plain, lambda example: _trim_and_pad(example, dimensions))


def check_length_ranks(element_spec: Mapping[str, tf.TypeSpec], feature_lengths: Mapping[str, Length]) -> None:
    """Checks that no feature is given lengths for more dimensions than it has; a feature that is absent passes.

    Raises:
      FeatureError: one is.
    """
    for name, length in feature_lengths.items():
        rank = element_spec[name].shape.rank if name in element_spec else None
        dimensions = len(dimension_lengths(length))
        if rank is not None and dimensions > rank:
            raise FeatureError(
                f"Feature {name!r} has {rank} dimension(s), found a length for {dimensions}: {length}. "
                "Give one number for the first dimension, or at most one for each."
            )


def _trim_and_pad(features: Mapping[str, tf.Tensor], lengths: Mapping[str, Length]) -> dict[str, tf.Tensor]:
    return {
        name: pad(trim(_dense(value), lengths[name]), lengths[name]) if name in lengths else value
        for name, value in features.items()
    }


def _dense(value: tf.Tensor) -> tf.Tensor:
    return value.to_tensor() if isinstance(value, tf.RaggedTensor) else value


def trim(value: tf.Tensor, length: Length) -> tf.Tensor:
    """Cuts the leading dimensions of `value` (dense or ragged) to `length`."""
    limits = dimension_lengths(length)
    sizes = value.shape[: len(limits)]
    fits = all(limit is None or (size is not None and size <= limit) for limit, size in zip(limits, sizes, strict=True))
    return value if fits else value[tuple(slice(0, limit) for limit in limits)]


def pad(value: tf.Tensor, length: Length) -> tf.Tensor:
    """Pads `value` (dense, no longer than `length`) with zeros to exactly `length`."""
    limits = dimension_lengths(length)
    static = [
        size if limit is None else limit
        for limit, size in zip([*limits, *[None] * (value.shape.rank - len(limits))], value.shape, strict=True)
    ]
    if value.shape.as_list() == static:
        return value
    sizes = tf.shape(value)
    paddings = [
        [0, 0] if index >= len(limits) or limits[index] is None else [0, limits[index] - sizes[index]]
        for index in range(value.shape.rank)
    ]
    padded = tf.pad(value, paddings)
    padded.set_shape(static)
    return padded


def dimension_lengths(length: Length) -> tuple[int | None, ...]:
    """A length as one number (or None) for each leading dimension that it speaks of."""
    if length is None:
        return ()
    dimensions = (length,) if isinstance(length, SupportsIndex) else length
    return tuple(None if size is None else operator.index(size) for size in dimensions)
