"""Encoder conversion: the loss is where the mask is."""

from __future__ import annotations

import tensorflow as tf

from evalkit.converter import FeatureConverter
from evalkit.feature_converters import EncoderFeatureConverter
from tests.feature_converters.examples import dataset_of, read

EXAMPLES = [
    {"inputs": [8, 9, 9, 3, 1], "targets": [8, 7, 4, 3, 1]},
    {"inputs": [8, 3, 9, 1], "targets": [8, 3, 6, 1]},
]


def test_padded():
    converter = EncoderFeatureConverter(mask_id=9, pack=False)
    assert converter.mask_id == 9
    assert read(converter(dataset_of(EXAMPLES[:1]), {"inputs": 6, "targets": 6})) == [
        {
            "encoder_input_tokens": [8, 9, 9, 3, 1, 0],
            "encoder_target_tokens": [8, 7, 4, 3, 1, 0],
            "encoder_loss_weights": [0, 1, 1, 0, 0, 0],
        }
    ]


def test_packed():
    lengths = {"inputs": 10, "targets": 10}
    converter = EncoderFeatureConverter(mask_id=9)
    assert read(converter(dataset_of(EXAMPLES), lengths)) == [
        {
            "encoder_input_tokens": [8, 9, 9, 3, 1, 8, 3, 9, 1, 0],
            "encoder_target_tokens": [8, 7, 4, 3, 1, 8, 3, 6, 1, 0],
            "encoder_loss_weights": [0, 1, 1, 0, 0, 0, 0, 1, 0, 0],
            "encoder_segment_ids": [1, 1, 1, 1, 1, 2, 2, 2, 2, 0],
            "encoder_positions": [0, 1, 2, 3, 4, 0, 1, 2, 3, 0],
        }
    ]
    assert set(converter.get_model_feature_lengths(lengths).values()) == {10}


def test_features_that_pass_through():
    passing = {"p": FeatureConverter.FeatureSpec(tf.int32)}
    converter = EncoderFeatureConverter(mask_id=9, pack=False, passthrough_features=passing)
    (row,) = read(converter(dataset_of([{**EXAMPLES[0], "p": [5]}]), {"inputs": 6, "targets": 6, "p": 2}))
    assert row["p"] == [5, 0]
