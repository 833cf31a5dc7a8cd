"""A feature converter as a preprocessor."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import tensorflow as tf


def apply_feature_converter(
    dataset: tf.data.Dataset,
    sequence_length: Mapping[str, Any],
    feature_converter: Callable[[tf.data.Dataset, Mapping[str, Any]], tf.data.Dataset],
) -> tf.data.Dataset:
    """Converts task features to model features inside a task's pipeline, for instance to pack examples there.

    Args:
      dataset: tokenised examples.
      sequence_length: the length of every task feature that the converter wants; a task passes its own.
      feature_converter: for instance `EncDecFeatureConverter(pack=True)`; bind it with `functools.partial`.
    """
    return feature_converter(dataset, sequence_length)
