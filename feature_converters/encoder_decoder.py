"""Encoder-decoder models: the encoder reads the inputs, the decoder predicts the targets."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import tensorflow as tf

from evalkit.converter import FeatureConverter, non_padding_position
from evalkit.errors import ArgumentError
from evalkit.feature_converters.conversion import TOKENS, bring_to_lengths_and_convert
from evalkit.transforms.autoregressive import shifted_inputs
from evalkit.transforms.lengths import trim_and_pad_dataset
from evalkit.transforms.windows import Window, over_windows

_TABLE = {
    "encoder_input_tokens": "inputs",
    "decoder_target_tokens": "targets",
    "decoder_input_tokens": "targets",
    "decoder_loss_weights": "targets",
}
_PACKING_TABLE = {
    "encoder_segment_ids": "inputs_segment_ids",
    "decoder_segment_ids": "targets_segment_ids",
    "encoder_positions": "inputs_positions",
    "decoder_positions": "targets_positions",
}


class EncDecFeatureConverter(FeatureConverter):
    """Takes "inputs" for the encoder and "targets" for the decoder.

    `decoder_input_tokens` are the targets one step late, beginning with `bos_id`. `decoder_loss_weights` are 1 on
    targets and 0 on padding. With packing, segment ids and positions of both sides come along:

        examples                {"inputs": [7, 8, 5, 1], "targets": [3, 9, 1]}, {"inputs": [8, 4, 1], "targets": [4, 1]}
        lengths                 {"inputs": 8, "targets": 6}

        encoder_input_tokens    7 8 5 1 8 4 1 0
        encoder_segment_ids     1 1 1 1 2 2 2 0
        encoder_positions       0 1 2 3 0 1 2 0
        decoder_target_tokens   3 9 1 4 1 0
        decoder_input_tokens    0 3 9 0 4 0
        decoder_loss_weights    1 1 1 1 1 0
        decoder_segment_ids     1 1 1 2 2 0
        decoder_positions       0 1 2 0 1 0
    """

    TASK_FEATURES = {"inputs": TOKENS, "targets": TOKENS}  # noqa: RUF012  (a table, as subclasses have it)
    MODEL_FEATURES = dict.fromkeys(_TABLE, TOKENS)
    PACKING_FEATURE_DTYPES = dict.fromkeys(_PACKING_TABLE, tf.int32)

    @over_windows
    def _convert_example(self, features: Window) -> Window:
        converted = _convert(features, self.bos_id)
        converted.update({name: features[name] for name in self._passthrough_features})
        return converted

    def _convert_features(self, ds: tf.data.Dataset, task_feature_lengths: Mapping[str, Any]) -> tf.data.Dataset:
        return bring_to_lengths_and_convert(ds, task_feature_lengths, self._pack_or_pad, self._convert_example)

    def get_model_feature_lengths(self, task_feature_lengths: Mapping[str, Any]) -> Mapping[str, Any]:
        """Encoder features are as long as the inputs, decoder features as the targets."""
        lengths = _model_lengths(task_feature_lengths, packed=self.pack)
        return lengths | {name: task_feature_lengths[name] for name in self._passthrough_features}


class PrePackedEncDecFeatureConverter(FeatureConverter):
    """`EncDecFeatureConverter` for examples that are packed already, and have segment ids and positions.

    Raises:
      ArgumentError: `pack` is true.
    """

    TASK_FEATURES = dict.fromkeys(
        [
            "inputs",
            "targets",
            "inputs_positions",
            "inputs_segment_ids",
            "targets_positions",
            "targets_segment_ids",
        ],
        TOKENS,
    )
    MODEL_FEATURES = dict.fromkeys([*_TABLE, *_PACKING_TABLE], TOKENS)
    PACKING_FEATURE_DTYPES: Mapping[str, tf.DType] = {}

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        if self.pack:
            raise ArgumentError(
                "'pack=True' is not allowed in PrePackedEncDecFeatureConverter, whose examples are packed already. "
                "Construct it with pack=False."
            )

    @over_windows
    def _convert_example(self, features: Window) -> Window:
        return _convert(features, self.bos_id)

    def _convert_features(self, ds: tf.data.Dataset, task_feature_lengths: Mapping[str, Any]) -> tf.data.Dataset:
        return bring_to_lengths_and_convert(ds, task_feature_lengths, trim_and_pad_dataset, self._convert_example)

    def get_model_feature_lengths(self, task_feature_lengths: Mapping[str, Any]) -> Mapping[str, Any]:
        """Encoder features are as long as the inputs, decoder features as the targets."""
        return _model_lengths(task_feature_lengths, packed=True)


def _convert(window: Window, bos_id: int) -> Window:
    targets, segment_ids = window["targets"], window.get("targets_segment_ids")
    converted = {
        "encoder_input_tokens": window["inputs"],
        "decoder_target_tokens": targets,
        "decoder_input_tokens": shifted_inputs(targets, segment_ids, None, bos_id, axis=1),
        "decoder_loss_weights": non_padding_position(targets),
    }
    if segment_ids is not None:
        converted.update({name: window[source] for name, source in _PACKING_TABLE.items()})
    return converted


def _model_lengths(task_feature_lengths: Mapping[str, Any], *, packed: bool) -> dict[str, Any]:
    sources = {**_TABLE, **({name: source.split("_")[0] for name, source in _PACKING_TABLE.items()} if packed else {})}
    return {name: task_feature_lengths[source] for name, source in sources.items()}
