"""Language model conversion."""

from __future__ import annotations

import pytest
import tensorflow as tf

from evalkit.converter import FeatureConverter
from evalkit.feature_converters import LMFeatureConverter
from tests.feature_converters.examples import dataset_of, read

EXAMPLES = [{"targets": [3, 9, 1]}, {"targets": [4, 1]}]


def test_padded():
    assert read(LMFeatureConverter(pack=False)(dataset_of(EXAMPLES), {"targets": 4})) == [
        {
            "decoder_target_tokens": [3, 9, 1, 0],
            "decoder_input_tokens": [0, 3, 9, 1],
            "decoder_loss_weights": [1, 1, 1, 0],
        },
        {
            "decoder_target_tokens": [4, 1, 0, 0],
            "decoder_input_tokens": [0, 4, 1, 0],
            "decoder_loss_weights": [1, 1, 0, 0],
        },
    ]


@pytest.mark.parametrize(("bos_id", "inputs"), [(0, [0, 3, 9, 0, 4, 0]), (10, [10, 3, 9, 10, 4, 10])])
def test_packed(bos_id, inputs):
    assert read(LMFeatureConverter(bos_id=bos_id)(dataset_of(EXAMPLES), {"targets": 6})) == [
        {
            "decoder_target_tokens": [3, 9, 1, 4, 1, 0],
            "decoder_input_tokens": inputs,
            "decoder_loss_weights": [1, 1, 1, 1, 1, 0],
            "decoder_segment_ids": [1, 1, 1, 2, 2, 0],
            "decoder_positions": [0, 1, 2, 0, 1, 0],
        }
    ]


def test_examples_that_do_not_fit_together_get_rows_of_their_own():
    rows = read(LMFeatureConverter()(dataset_of(EXAMPLES), {"targets": 4}))
    assert [row["decoder_target_tokens"] for row in rows] == [[3, 9, 1, 0], [4, 1, 0, 0]]


def test_features_that_pass_through():
    converter = LMFeatureConverter(pack=False, passthrough_features={"p": FeatureConverter.FeatureSpec(tf.int32)})
    (row,) = read(converter(dataset_of([{"targets": [1], "p": [5]}]), {"targets": 2, "p": 2}))
    assert (row["decoder_target_tokens"], row["p"]) == ([1, 0], [5, 0])


def test_lengths_of_the_model_features():
    lengths = LMFeatureConverter(pack=True).get_model_feature_lengths({"targets": 6})
    assert set(lengths.values()) == {6}
    assert sorted(lengths) == [
        "decoder_input_tokens",
        "decoder_loss_weights",
        "decoder_positions",
        "decoder_segment_ids",
        "decoder_target_tokens",
    ]


def test_long_sequences_are_converted_one_by_one_to_the_same():
    """Windows of such rows would take too much memory."""
    tokens = list(range(1, 40_001))
    (row,) = read(LMFeatureConverter(pack=False)(dataset_of([{"targets": tokens}]), {"targets": 50_000}))
    assert row["decoder_target_tokens"] == tokens + [0] * 10_000
    assert row["decoder_input_tokens"] == [0, *tokens, *[0] * 9_999]
