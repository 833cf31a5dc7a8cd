"""Decoder-only models that are given inputs: inputs and targets are one sequence, of which the inputs are the prefix.

See Raffel et al. (2020), https://arxiv.org/abs/1910.10683, section 3.2.1.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import tensorflow as tf

from evalkit.converter import FeatureConverter
from evalkit.feature_converters.conversion import TOKENS
from evalkit.feature_converters.joining import ADD_POS, SUFFIX_CODE, WIDTH, add_widths, join_dataset, joined_lengths
from evalkit.feature_converters.language_model import (
    LM_FEATURES,
    LM_PACKING_FEATURES,
    language_model_features,
    language_model_lengths,
)
from evalkit.transforms.windows import Window, map_examples, over_windows


class PrefixLMFeatureConverter(FeatureConverter):
    """Joins "inputs" and "targets" for a decoder.

    On top of a language model's features, `decoder_causal_attention` is 1 on the positions that may attend to each
    other freely: the inputs, and the one after them, at which the last input is read and the first target predicted. A
    model that is causal throughout ignores it. With packing:

        examples                  {"inputs": [7, 8, 5, 1], "targets": [3, 9, 1]}, {"inputs": [8, 4], "targets": [6, 1]}
        lengths                   {"inputs": 6, "targets": 6}

        decoder_target_tokens     7 8 5 1 3 9 1 8 4 6 1 0
        decoder_input_tokens      0 7 8 5 1 3 9 0 8 4 6 0
        decoder_loss_weights      0 0 0 0 1 1 1 0 0 1 1 0
        decoder_causal_attention  1 1 1 1 1 0 0 1 1 1 0 0
        decoder_segment_ids       1 1 1 1 1 1 1 2 2 2 2 0
        decoder_positions         0 1 2 3 4 5 6 0 1 2 3 0

    Where seqio differs, this is right: a token 0 among the inputs gets no loss (in seqio it gets one), and packing an
    example whose targets are empty shifts no mask.

    Args:
      loss_on_targets_only: whether the loss leaves out the inputs.
      **kwargs: as for `FeatureConverter`.
    """

    TASK_FEATURES = {"inputs": TOKENS, "targets": TOKENS}  # noqa: RUF012  (a table, as subclasses have it)
    MODEL_FEATURES = dict.fromkeys([*LM_FEATURES, "decoder_causal_attention"], TOKENS)
    PACKING_FEATURE_DTYPES = dict.fromkeys(LM_PACKING_FEATURES, tf.int32)

    def __init__(self, loss_on_targets_only: bool = True, **kwargs: Any) -> None:
        self._loss_on_targets_only = loss_on_targets_only
        super().__init__(**kwargs)

    @property
    def loss_on_targets_only(self) -> bool:
        """Whether the loss leaves out the inputs."""
        return self._loss_on_targets_only

    @over_windows
    def _convert_example(self, features: Window) -> Window:
        converted = _prefix_features(features, self.bos_id, self._loss_on_targets_only)
        converted.update({name: features[name] for name in self._passthrough_features})
        return converted

    def _convert_features(self, ds: tf.data.Dataset, task_feature_lengths: Mapping[str, Any]) -> tf.data.Dataset:
        kept = self._passthrough_features
        joined = join_dataset(ds, task_feature_lengths, ("inputs", "targets"), kept, packed=self.pack)
        rows = self._pack_or_pad(joined, joined_lengths(task_feature_lengths, kept))
        return map_examples(map_examples(rows, add_widths), self._convert_example)

    def get_model_feature_lengths(self, task_feature_lengths: Mapping[str, Any]) -> Mapping[str, Any]:
        """All decoder features are as long as inputs and targets together."""
        return _model_lengths(task_feature_lengths, self._passthrough_features, packed=self.pack)


class PrefixSuffixLMFeatureConverter(FeatureConverter):
    """Joins "inputs", "targets" and "suffixes" for a decoder.

    On top of a prefix language model's features, `target_suffix_weights` is 1 on the suffix alone, or, where that is
    empty, on the targets; `decoder_loss_weights` is 1 on both.

        example                   {"inputs": [9, 4, 6, 1], "targets": [3, 9], "suffixes": [2, 1]}
        lengths                   {"inputs": 4, "targets": 4, "suffixes": 2}

        decoder_target_tokens     9 4 6 1 3 9 2 1 0 0
        decoder_input_tokens      0 9 4 6 1 3 9 2 1 0
        decoder_loss_weights      0 0 0 0 1 1 1 1 0 0
        target_suffix_weights     0 0 0 0 0 0 1 1 0 0
        decoder_causal_attention  1 1 1 1 1 0 0 0 0 0

    Where seqio differs, this is right: padding has weight 0 in both (in seqio, not in the second), and
    `loss_on_targets_only=False` is heeded (seqio's converter forgets it).

    Args:
      loss_on_targets_only: whether `decoder_loss_weights` leave out the inputs.
      **kwargs: as for `FeatureConverter`.
    """

    TASK_FEATURES = dict.fromkeys(["inputs", "targets", "suffixes"], TOKENS)
    MODEL_FEATURES = dict.fromkeys([*LM_FEATURES, "decoder_causal_attention", "target_suffix_weights"], TOKENS)
    PACKING_FEATURE_DTYPES = dict.fromkeys(LM_PACKING_FEATURES, tf.int32)

    def __init__(self, loss_on_targets_only: bool = True, **kwargs: Any) -> None:
        self._loss_on_targets_only = loss_on_targets_only
        super().__init__(**kwargs)

    @property
    def loss_on_targets_only(self) -> bool:
        """Whether `decoder_loss_weights` leave out the inputs."""
        return self._loss_on_targets_only

    @over_windows
    def _convert_example(self, features: Window) -> Window:
        converted = _prefix_features(features, self.bos_id, self._loss_on_targets_only)
        in_suffix = tf.logical_and(tf.equal(features[SUFFIX_CODE], 2), tf.not_equal(features["targets"], 0))
        converted["target_suffix_weights"] = tf.cast(in_suffix, tf.int32)
        converted.update({name: features[name] for name in self._passthrough_features})
        return converted

    def _convert_features(self, ds: tf.data.Dataset, task_feature_lengths: Mapping[str, Any]) -> tf.data.Dataset:
        kept = self._passthrough_features
        parts = ("inputs", "targets", "suffixes")
        joined = join_dataset(ds, task_feature_lengths, parts, kept, packed=self.pack)
        rows = self._pack_or_pad(joined, joined_lengths(task_feature_lengths, kept, suffixes=True))
        return map_examples(map_examples(rows, add_widths), self._convert_example)

    def get_model_feature_lengths(self, task_feature_lengths: Mapping[str, Any]) -> Mapping[str, Any]:
        """All decoder features are as long as inputs, targets and suffixes together."""
        lengths = _model_lengths(task_feature_lengths, self._passthrough_features, packed=self.pack)
        return lengths | {"target_suffix_weights": lengths["decoder_target_tokens"]}


def _prefix_features(window: Window, bos_id: int, loss_on_targets_only: bool) -> Window:
    """Features for windows of joined sequences, with their widths (`joining`) and, where packed, positions."""
    features = language_model_features(window, bos_id)
    targets = window["targets"]
    positions = window.get("targets_positions", tf.range(tf.shape(targets)[-1]))
    features["decoder_causal_attention"] = tf.cast(positions < window[ADD_POS], targets.dtype)
    if loss_on_targets_only:
        counted = tf.logical_and(positions >= window[WIDTH], tf.not_equal(targets, 0))
        features["decoder_loss_weights"] = tf.cast(counted, targets.dtype)
    return features


def _model_lengths(task_feature_lengths: Mapping[str, Any], kept: Mapping[str, Any], *, packed: bool) -> dict[str, Any]:
    total = joined_lengths(task_feature_lengths, kept)["targets"]
    lengths = {**language_model_lengths(total, packed=packed), "decoder_causal_attention": total}
    return lengths | {name: task_feature_lengths[name] for name in kept}
