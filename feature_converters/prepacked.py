"""Rows that were packed and converted when they were written: their features are picked and their lengths fixed."""

from __future__ import annotations

import abc
from collections.abc import Mapping
from typing import Any, ClassVar, final

import tensorflow as tf

from evalkit.converter import FeatureConverter
from evalkit.errors import FeatureError
from evalkit.feature_converters.language_model import LM_FEATURES, LM_PACKING_FEATURES
from evalkit.transforms.length_checks import check_lengths
from evalkit.transforms.windows import select


class _PrePackedRows(FeatureConverter):
    """Picks `BATCH_FEATURES` from each row, all of one length.

    It takes what the constructors of other converters take, and needs none of it. The lengths speak of task features
    that the rows no longer have, so it stands in for `FeatureConverter.__call__` as a whole.
    """

    BATCH_FEATURES: ClassVar[tuple[str, ...]]
    TASK_FEATURES: Mapping[str, FeatureConverter.FeatureSpec] = {}
    MODEL_FEATURES: Mapping[str, FeatureConverter.FeatureSpec] = {}
    PACKING_FEATURE_DTYPES: Mapping[str, tf.DType] = {}

    def __init__(self, **_: Any) -> None:
        super().__init__(pack=False)

    def __call__(self, ds: tf.data.Dataset, task_feature_lengths: Mapping[str, Any]) -> tf.data.Dataset:
        """Picks the features; reading a row of another length raises `tf.errors.InvalidArgumentError`.

        Raises:
          FeatureError: the dataset lacks one of them, or its static shape has another length.
        """
        return self._convert_features(ds, task_feature_lengths)

    def _convert_features(self, ds: tf.data.Dataset, task_feature_lengths: Mapping[str, Any]) -> tf.data.Dataset:
        missing = sorted(set(self.BATCH_FEATURES) - set(ds.element_spec))
        if missing:
            raise FeatureError(
                f"The rows lack {missing}, which {type(self).__name__} keeps. Found {list(ds.element_spec)}."
            )
        lengths = self.get_model_feature_lengths(task_feature_lengths)
        rows = check_lengths(
            select(ds, self.BATCH_FEATURES),
            {name: {0: length} for name, length in lengths.items()},
            exact=True,
            stage="input_validation",
        )
        return rows.map(tf.autograph.experimental.do_not_convert(lambda row: _with_static_lengths(row, lengths)))

    def get_model_feature_lengths(self, task_feature_lengths: Mapping[str, Any]) -> Mapping[str, Any]:
        """All features are as long as a whole row."""
        return dict.fromkeys(self.BATCH_FEATURES, self._row_length(task_feature_lengths))

    @abc.abstractmethod
    def _row_length(self, task_feature_lengths: Mapping[str, int]) -> int:
        """How long a row is."""


@final
class PrePackedLMFeatureConverter(_PrePackedRows):
    """Rows of a packed language model, as long as the targets."""

    BATCH_FEATURES = (*LM_FEATURES, *LM_PACKING_FEATURES)

    def _row_length(self, task_feature_lengths: Mapping[str, int]) -> int:
        return task_feature_lengths["targets"]


@final
class PrePackedPrefixLMFeatureConverter(_PrePackedRows):
    """Rows of a packed prefix language model, as long as inputs and targets together."""

    BATCH_FEATURES = (*LM_FEATURES, *LM_PACKING_FEATURES, "decoder_causal_attention")

    def _row_length(self, task_feature_lengths: Mapping[str, int]) -> int:
        return task_feature_lengths["inputs"] + task_feature_lengths["targets"]


def _with_static_lengths(row: dict[str, tf.Tensor], lengths: Mapping[str, int]) -> dict[str, tf.Tensor]:
    for name, value in row.items():
        value.set_shape([lengths[name], *value.shape[1:]])
    return row
