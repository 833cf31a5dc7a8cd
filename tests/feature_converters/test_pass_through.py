"""Examples that need no conversion, or only a choice of features."""

from __future__ import annotations

import pytest
import tensorflow as tf

from evalkit.errors import FeatureError
from evalkit.feature_converters import (
    PassThroughFeatureConverter,
    PrePackedLMFeatureConverter,
    PrePackedPrefixLMFeatureConverter,
)
from tests.feature_converters.examples import dataset_of, read

PACKED = {
    "decoder_input_tokens": [0, 1, 2, 3, 4, 5, 6],
    "decoder_target_tokens": [1, 2, 3, 4, 5, 6, 7],
    "decoder_loss_weights": [1, 1, 1, 1, 1, 1, 1],
    "decoder_positions": [0, 1, 2, 3, 0, 1, 2],
    "decoder_segment_ids": [1, 1, 1, 1, 2, 2, 2],
}


def test_what_passes_through_is_the_dataset_itself():
    converter = PassThroughFeatureConverter(pack=True, loss_on_targets_only=False)
    dataset = dataset_of([{"anything": [1]}])
    assert converter(dataset, {"anything": 5}) is dataset
    assert converter.get_model_feature_lengths({"anything": 5}) == {"anything": 5}
    assert (converter.TASK_FEATURES, converter.MODEL_FEATURES, converter.pack) == ({}, {}, False)


@pytest.mark.parametrize(
    ("converter", "extra", "lengths"),
    [
        (PrePackedLMFeatureConverter(pack=False), {}, {"targets": 7}),
        (
            PrePackedPrefixLMFeatureConverter(),
            {"decoder_causal_attention": [1, 1, 0, 0, 1, 1, 0]},
            {"inputs": 4, "targets": 3},
        ),
    ],
)
def test_prepacked_rows_keep_their_features_and_get_a_static_length(converter, extra, lengths):
    converted = converter(dataset_of([{**PACKED, **extra, "other": [13]}]), lengths)
    assert read(converted) == [{**PACKED, **extra}]
    assert {spec.shape.as_list()[0] for spec in converted.element_spec.values()} == {7}
    assert converter.get_model_feature_lengths(lengths) == dict.fromkeys({**PACKED, **extra}, 7)


def test_a_prepacked_row_of_another_length():
    rows = PrePackedLMFeatureConverter()(dataset_of([PACKED]), {"targets": 8})
    with pytest.raises(tf.errors.InvalidArgumentError, match=r"decoder_\w+.* length not equal to .* 8 .*\[7\]"):
        read(rows)


def test_a_prepacked_row_that_lacks_a_feature():
    with pytest.raises(FeatureError, match=r"lack \['decoder_causal_attention'\], which PrePackedPrefixLM"):
        PrePackedPrefixLMFeatureConverter()(dataset_of([PACKED]), {"inputs": 4, "targets": 3})
