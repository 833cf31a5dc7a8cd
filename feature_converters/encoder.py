"""Encoder-only models with masked positions to predict, as BERT."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import tensorflow as tf

from evalkit.converter import FeatureConverter
from evalkit.feature_converters.conversion import TOKENS, bring_to_lengths_and_convert
from evalkit.transforms.windows import Window, over_windows

_FEATURES = ("encoder_target_tokens", "encoder_input_tokens", "encoder_loss_weights")
_PACKING_FEATURES = ("encoder_segment_ids", "encoder_positions")


class EncoderFeatureConverter(FeatureConverter):
    """Takes "inputs" with masked positions, and "targets" of the same length with what belongs there.

    `encoder_loss_weights` are 1 where the input is `mask_id` (Devlin et al. 2019, https://arxiv.org/abs/1810.04805).
    With `mask_id=9` and packing:

        examples                {"inputs": [8, 9, 9, 3, 1], "targets": [8, 7, 4, 3, 1]},
                                {"inputs": [8, 3, 9, 1], "targets": [8, 3, 6, 1]}
        lengths                 {"inputs": 10, "targets": 10}

        encoder_input_tokens    8 9 9 3 1 8 3 9 1 0
        encoder_target_tokens   8 7 4 3 1 8 3 6 1 0
        encoder_loss_weights    0 1 1 0 0 0 0 1 0 0
        encoder_segment_ids     1 1 1 1 1 2 2 2 2 0
        encoder_positions       0 1 2 3 4 0 1 2 3 0

    Args:
      mask_id: the id that stands in the inputs for what is to be predicted.
      **kwargs: as for `FeatureConverter`.
    """

    TASK_FEATURES = {"inputs": TOKENS, "targets": TOKENS}  # noqa: RUF012  (a table, as subclasses have it)
    MODEL_FEATURES = dict.fromkeys(_FEATURES, TOKENS)
    PACKING_FEATURE_DTYPES = dict.fromkeys(_PACKING_FEATURES, tf.int32)

    def __init__(self, mask_id: int, **kwargs: Any) -> None:
        self._mask_id = mask_id
        super().__init__(**kwargs)

    @property
    def mask_id(self) -> int:
        """The id that stands in the inputs for what is to be predicted."""
        return self._mask_id

    @over_windows
    def _convert_example(self, features: Window) -> Window:
        inputs = features["inputs"]
        converted = {
            "encoder_target_tokens": features["targets"],
            "encoder_input_tokens": inputs,
            "encoder_loss_weights": tf.cast(tf.equal(inputs, self._mask_id), tf.int32),
            **{name: features[name] for name in self._passthrough_features},
        }
        if self.pack:
            converted["encoder_segment_ids"] = features["inputs_segment_ids"]
            converted["encoder_positions"] = features["inputs_positions"]
        return converted

    def _convert_features(self, ds: tf.data.Dataset, task_feature_lengths: Mapping[str, Any]) -> tf.data.Dataset:
        return bring_to_lengths_and_convert(ds, task_feature_lengths, self._pack_or_pad, self._convert_example)

    def get_model_feature_lengths(self, task_feature_lengths: Mapping[str, Any]) -> Mapping[str, Any]:
        """All encoder features are as long as the inputs."""
        names = [*_FEATURES, *(_PACKING_FEATURES if self.pack else ())]
        lengths = dict.fromkeys(names, task_feature_lengths["inputs"])
        return lengths | {name: task_feature_lengths[name] for name in self._passthrough_features}
