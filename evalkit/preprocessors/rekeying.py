"""Renaming features."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import tensorflow as tf

from evalkit.preprocessors.examples import feature_specs, require_feature


def rekey(dataset: tf.data.Dataset, key_map: Mapping[str, str | None] | None = None) -> tf.data.Dataset:
    """Keeps the features that `key_map` names, under new names.

    Args:
      dataset: examples as dictionaries.
      key_map: from new name to old. A new name whose old name is None or empty becomes an empty string. Without a map
        the dataset is returned as it is.

    Raises:
      FeatureError: an old name is not a feature of the examples.

    Example:
      >>> dataset = tf.data.Dataset.from_tensors({"question": "why?", "id": 7})
      >>> next(rekey(dataset, {"inputs": "question", "targets": None}).as_numpy_iterator())
      {'inputs': b'why?', 'targets': b''}
    """
    if not key_map:
        return dataset
    specs = feature_specs(dataset, "rekey")
    for old in filter(None, key_map.values()):
        require_feature(old, specs, "rekey")
    fixed = dict(key_map)

    def rename(example: Mapping[str, Any]) -> dict[str, Any]:
        return {new: example[old] if old else "" for new, old in fixed.items()}

    return dataset.map(rename)
