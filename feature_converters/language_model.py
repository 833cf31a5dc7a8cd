"""Decoder-only language models: predict each target from those before it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import tensorflow as tf

from evalkit.converter import FeatureConverter, non_padding_position
from evalkit.feature_converters.conversion import TOKENS, bring_to_lengths_and_convert
from evalkit.transforms.autoregressive import shifted_inputs
from evalkit.transforms.windows import Window, over_windows

LM_FEATURES = ("decoder_target_tokens", "decoder_input_tokens", "decoder_loss_weights")
LM_PACKING_FEATURES = ("decoder_segment_ids", "decoder_positions")


class LMFeatureConverter(FeatureConverter):
    """Takes "targets" for a decoder that has no other input.

    `decoder_input_tokens` are the targets one step late, beginning with `bos_id`; `decoder_loss_weights` are 1 on
    targets and 0 on padding. With packing:

        examples                {"targets": [3, 9, 1]}, {"targets": [4, 1]}
        lengths                 {"targets": 6}

        decoder_target_tokens   3 9 1 4 1 0
        decoder_input_tokens    0 3 9 0 4 0
        decoder_loss_weights    1 1 1 1 1 0
        decoder_segment_ids     1 1 1 2 2 0
        decoder_positions       0 1 2 0 1 0
    """

    TASK_FEATURES = {"targets": TOKENS}  # noqa: RUF012  (a table, as subclasses have it)
    MODEL_FEATURES = dict.fromkeys(LM_FEATURES, TOKENS)
    PACKING_FEATURE_DTYPES = dict.fromkeys(LM_PACKING_FEATURES, tf.int32)

    @over_windows
    def _convert_example(self, features: Window) -> Window:
        converted = language_model_features(features, self.bos_id)
        converted.update({name: features[name] for name in self._passthrough_features})
        return converted

    def _convert_features(self, ds: tf.data.Dataset, task_feature_lengths: Mapping[str, Any]) -> tf.data.Dataset:
        return bring_to_lengths_and_convert(ds, task_feature_lengths, self._pack_or_pad, self._convert_example)

    def get_model_feature_lengths(self, task_feature_lengths: Mapping[str, Any]) -> Mapping[str, Any]:
        """All decoder features are as long as the targets."""
        lengths = language_model_lengths(task_feature_lengths["targets"], packed=self.pack)
        return lengths | {name: task_feature_lengths[name] for name in self._passthrough_features}


def language_model_features(window: Window, bos_id: int) -> Window:
    """The features of a language model, for windows of "targets" (and their segment ids and positions, if packed)."""
    targets, segment_ids = window["targets"], window.get("targets_segment_ids")
    features = {
        "decoder_target_tokens": targets,
        "decoder_input_tokens": shifted_inputs(targets, segment_ids, None, bos_id, axis=1),
        "decoder_loss_weights": non_padding_position(targets),
    }
    if segment_ids is not None:
        features.update({"decoder_segment_ids": segment_ids, "decoder_positions": window["targets_positions"]})
    return features


def language_model_lengths(length: Any, *, packed: bool) -> dict[str, Any]:
    """The lengths of these features, all of them `length`."""
    return dict.fromkeys([*LM_FEATURES, *(LM_PACKING_FEATURES if packed else ())], length)
