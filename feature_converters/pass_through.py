"""Examples that a model takes as they are."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, final

import tensorflow as tf

from evalkit.converter import FeatureConverter


@final
class PassThroughFeatureConverter(FeatureConverter):
    """Returns the dataset that it is given: its model features are the task's features.

    It takes what the constructors of other converters take, and needs none of it; it never packs. There is nothing to
    check, so it stands in for `FeatureConverter.__call__` as a whole.
    """

    TASK_FEATURES: Mapping[str, FeatureConverter.FeatureSpec] = {}
    MODEL_FEATURES: Mapping[str, FeatureConverter.FeatureSpec] = {}
    PACKING_FEATURE_DTYPES: Mapping[str, tf.DType] = {}

    def __init__(self, **_: Any) -> None:
        super().__init__(pack=False)

    def __call__(self, ds: tf.data.Dataset, task_feature_lengths: Mapping[str, Any]) -> tf.data.Dataset:
        """Returns `ds`."""
        return self._convert_features(ds, task_feature_lengths)

    def _convert_features(self, ds: tf.data.Dataset, task_feature_lengths: Mapping[str, Any]) -> tf.data.Dataset:
        return ds

    def get_model_feature_lengths(self, task_feature_lengths: Mapping[str, Any]) -> Mapping[str, Any]:
        """The lengths that were given."""
        return dict(task_feature_lengths)
