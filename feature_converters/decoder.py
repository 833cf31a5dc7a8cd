"""One converter for decoder-only models, whatever the task: which features it has decides."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import tensorflow as tf

from evalkit.converter import FeatureConverter
from evalkit.feature_converters.conversion import TOKENS
from evalkit.feature_converters.language_model import LM_PACKING_FEATURES, LMFeatureConverter
from evalkit.feature_converters.prefix_lm import PrefixLMFeatureConverter, PrefixSuffixLMFeatureConverter


class DecoderFeatureConverter(FeatureConverter):
    """Chooses by the keys of the lengths: "suffixes" → prefix–suffix LM, else "inputs" → prefix LM, else LM.

    The three converters are attributes, so a subclass may put its own in the place of one. The one that is chosen does
    the whole work, checks included, so this class stands in for `FeatureConverter.__call__`.

    Attributes:
      strictlm_feature_converter: for "targets".
      prefixlm_feature_converter: for "inputs" and "targets".
      prefixsuffixlm_feature_converter: for "inputs", "targets" and "suffixes".

    Args:
      loss_on_targets_only: as for `PrefixLMFeatureConverter`.
      pack: this and the others as for `FeatureConverter`.
      use_custom_packing_ops: see there.
      apply_length_check: see there.
      bos_id: see there.
      passthrough_features: see there.
    """

    TASK_FEATURES = {"targets": TOKENS}  # noqa: RUF012  (a table, as subclasses have it)
    MODEL_FEATURES = PrefixLMFeatureConverter.MODEL_FEATURES
    PACKING_FEATURE_DTYPES = dict.fromkeys(LM_PACKING_FEATURES, tf.int32)

    def __init__(
        self,
        loss_on_targets_only: bool = True,
        pack: bool = True,
        use_custom_packing_ops: bool = False,
        apply_length_check: bool = True,
        bos_id: int = 0,
        passthrough_features: Mapping[str, FeatureConverter.FeatureSpec] | None = None,
    ) -> None:
        shared: dict[str, Any] = {
            "pack": pack,
            "use_custom_packing_ops": use_custom_packing_ops,
            "apply_length_check": apply_length_check,
            "bos_id": bos_id,
            "passthrough_features": passthrough_features,
        }
        super().__init__(**shared)
        self._loss_on_targets_only = loss_on_targets_only
        self.strictlm_feature_converter: FeatureConverter = LMFeatureConverter(**shared)
        self.prefixlm_feature_converter: FeatureConverter = PrefixLMFeatureConverter(loss_on_targets_only, **shared)
        self.prefixsuffixlm_feature_converter: FeatureConverter = PrefixSuffixLMFeatureConverter(
            loss_on_targets_only, **shared
        )

    def __call__(self, ds: tf.data.Dataset, task_feature_lengths: Mapping[str, Any]) -> tf.data.Dataset:
        """Converts with the converter that fits the keys of `task_feature_lengths`."""
        return self._convert_features(ds, task_feature_lengths)

    def _convert_features(self, ds: tf.data.Dataset, task_feature_lengths: Mapping[str, Any]) -> tf.data.Dataset:
        return self._chosen(task_feature_lengths)(ds, task_feature_lengths)

    def get_model_feature_lengths(self, task_feature_lengths: Mapping[str, Any]) -> Mapping[str, Any]:
        """As the converter that fits these lengths says."""
        return self._chosen(task_feature_lengths).get_model_feature_lengths(task_feature_lengths)

    def _chosen(self, task_feature_lengths: Mapping[str, Any]) -> FeatureConverter:
        if "suffixes" in task_feature_lengths:
            return self.prefixsuffixlm_feature_converter
        if "inputs" in task_feature_lengths:
            return self.prefixlm_feature_converter
        return self.strictlm_feature_converter
