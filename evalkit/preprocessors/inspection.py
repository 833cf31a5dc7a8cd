"""Seeing what passes through a pipeline."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import tensorflow as tf

from evalkit.preprocessors.examples import feature_specs


def print_dataset(dataset: tf.data.Dataset, summarize: int = 3) -> tf.data.Dataset:
    """Prints every example to the standard error stream as it passes; the examples stay as they are.

    Args:
      dataset: examples as dictionaries.
      summarize: how many elements at each end of a dimension are printed; -1 for all.

    Raises:
      FeatureError: the examples are not dictionaries.
    """
    feature_specs(dataset, "print_dataset")

    def show(example: Mapping[str, Any]) -> Mapping[str, Any]:
        for name, value in example.items():
            tf.print(f"{name}: ", value, summarize=summarize)
        return example

    return dataset.map(show)
