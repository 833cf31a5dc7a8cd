"""Prefix language model conversion, without and with suffixes."""

from __future__ import annotations

import pytest
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st

from evalkit.converter import FeatureConverter
from evalkit.feature_converters import PrefixLMFeatureConverter, PrefixSuffixLMFeatureConverter
from tests.feature_converters.examples import dataset_of, read

EXAMPLES = [{"inputs": [7, 8, 5, 1], "targets": [3, 9, 1]}, {"inputs": [8, 4], "targets": [6, 1]}]
LENGTHS = {"inputs": 6, "targets": 6}


def test_padded():
    converter = PrefixLMFeatureConverter(pack=False)
    assert read(converter(dataset_of(EXAMPLES[:1]), LENGTHS)) == [
        {
            "decoder_target_tokens": [7, 8, 5, 1, 3, 9, 1, 0, 0, 0, 0, 0],
            "decoder_input_tokens": [0, 7, 8, 5, 1, 3, 9, 1, 0, 0, 0, 0],
            "decoder_loss_weights": [0, 0, 0, 0, 1, 1, 1, 0, 0, 0, 0, 0],
            "decoder_causal_attention": [1, 1, 1, 1, 1, 0, 0, 0, 0, 0, 0, 0],
        }
    ]
    assert converter.loss_on_targets_only


def test_packed():
    assert read(PrefixLMFeatureConverter(pack=True)(dataset_of(EXAMPLES), LENGTHS)) == [
        {
            "decoder_target_tokens": [7, 8, 5, 1, 3, 9, 1, 8, 4, 6, 1, 0],
            "decoder_input_tokens": [0, 7, 8, 5, 1, 3, 9, 0, 8, 4, 6, 0],
            "decoder_loss_weights": [0, 0, 0, 0, 1, 1, 1, 0, 0, 1, 1, 0],
            "decoder_causal_attention": [1, 1, 1, 1, 1, 0, 0, 1, 1, 1, 0, 0],
            "decoder_segment_ids": [1, 1, 1, 1, 1, 1, 1, 2, 2, 2, 2, 0],
            "decoder_positions": [0, 1, 2, 3, 4, 5, 6, 0, 1, 2, 3, 0],
        }
    ]


@pytest.mark.parametrize("pack", [False, True])
def test_loss_on_inputs_too(pack):
    converter = PrefixLMFeatureConverter(loss_on_targets_only=False, pack=pack)
    (row, *_) = read(converter(dataset_of(EXAMPLES), LENGTHS))
    assert row["decoder_loss_weights"] == [int(token != 0) for token in row["decoder_target_tokens"]]


def test_inputs_longer_than_the_room_of_the_targets_share_the_whole_length():
    (row,) = read(PrefixLMFeatureConverter(pack=False)(dataset_of(EXAMPLES[:1]), {"inputs": 4, "targets": 3}))
    assert row["decoder_target_tokens"] == [7, 8, 5, 1, 3, 9, 1]


@pytest.mark.parametrize("pack", [False, True])
def test_empty_inputs(pack):
    (row,) = read(
        PrefixLMFeatureConverter(pack=pack)(
            dataset_of([{"inputs": [], "targets": [3, 4]}]), {"inputs": 2, "targets": 2}
        )
    )
    assert row["decoder_target_tokens"] == [3, 4, 0, 0]
    assert row["decoder_loss_weights"] == [1, 1, 0, 0]
    assert row["decoder_causal_attention"] == [1, 0, 0, 0]


def test_empty_targets():
    (row,) = read(
        PrefixLMFeatureConverter(pack=False)(
            dataset_of([{"inputs": [3, 4], "targets": []}]), {"inputs": 2, "targets": 2}
        )
    )
    assert row["decoder_target_tokens"] == [3, 4, 0, 0]
    assert row["decoder_loss_weights"] == [0, 0, 0, 0]
    assert row["decoder_causal_attention"] == [1, 1, 1, 0]


def test_empty_targets_shift_no_mask_of_the_examples_packed_behind():
    """seqio 0.0.20 keeps a mask for the padding that stands for the targets, and gives padding a loss weight of 1."""
    examples = [{"inputs": [5, 6, 7], "targets": []}, {"inputs": [8], "targets": [9]}]
    (row,) = read(PrefixLMFeatureConverter(pack=True)(dataset_of(examples), {"inputs": 4, "targets": 4}))
    assert row["decoder_target_tokens"] == [5, 6, 7, 8, 9, 0, 0, 0]
    assert row["decoder_loss_weights"] == [0, 0, 0, 0, 1, 0, 0, 0]
    assert row["decoder_causal_attention"] == [1, 1, 1, 1, 1, 0, 0, 0]


@pytest.mark.parametrize("pack", [False, True])
def test_a_token_0_among_the_inputs_is_kept_and_has_no_loss(pack):
    """In seqio 0.0.20 it has a loss weight of 1, and packing drops the last target for it."""
    examples = dataset_of([{"inputs": [5, 0, 6], "targets": [7, 1]}])
    (row,) = read(PrefixLMFeatureConverter(pack=pack)(examples, {"inputs": 3, "targets": 3}))
    assert row["decoder_target_tokens"] == [5, 0, 6, 7, 1, 0]
    assert row["decoder_loss_weights"] == [0, 0, 0, 1, 1, 0]
    assert row["decoder_causal_attention"] == [1, 1, 1, 1, 0, 0]


@pytest.mark.parametrize("pack", [False, True])
@settings(max_examples=4, deadline=None)
@given(
    examples=st.lists(
        st.fixed_dictionaries(
            {
                "inputs": st.lists(st.integers(1, 9), max_size=5),
                "targets": st.lists(st.integers(1, 9), min_size=1, max_size=4),
            }
        ),
        min_size=1,
        max_size=60,
    )
)
def test_every_target_and_nothing_else_has_a_loss(pack, examples):
    rows = read(PrefixLMFeatureConverter(pack=pack)(dataset_of(examples), {"inputs": 5, "targets": 4}))
    with_loss = [
        token
        for row in rows
        for token, weight in zip(row["decoder_target_tokens"], row["decoder_loss_weights"], strict=True)
        if weight
    ]
    assert with_loss == [token for example in examples for token in example["targets"]]


def test_features_that_pass_through():
    converter = PrefixLMFeatureConverter(pack=False, passthrough_features={"p": FeatureConverter.FeatureSpec(tf.int32)})
    (row,) = read(converter(dataset_of([{**EXAMPLES[0], "p": [5, 0]}]), {**LENGTHS, "p": 3}))
    assert (row["p"], len(row["decoder_target_tokens"])) == ([5, 0, 0], 12)


def test_features_of_several_dimensions_pass_through():
    spec = FeatureConverter.FeatureSpec(tf.int32, rank=2)
    converter = PrefixLMFeatureConverter(pack=False, passthrough_features={"p": spec})
    examples = dataset_of([{**EXAMPLES[0], "p": [[5, 6]]}], p=tf.TensorSpec([None, None], tf.int32))
    (row,) = read(converter(examples, {**LENGTHS, "p": (2, 3)}))
    assert (row["p"], len(row["decoder_target_tokens"])) == ([[5, 6, 0], [0, 0, 0]], 12)


def test_a_subclass_that_overrides_the_conversion_reads_the_widths():
    """As the converters that people wrote for seqio do."""

    class Widths(PrefixLMFeatureConverter):
        MODEL_FEATURES = {**PrefixLMFeatureConverter.MODEL_FEATURES, "width": FeatureConverter.FeatureSpec(tf.int32)}

        def _convert_example(self, features):
            assert features["inputs_width_add_pos"].shape == [12]
            return {**super()._convert_example(features), "width": features["inputs_width"]}

        def get_model_feature_lengths(self, task_feature_lengths):
            return {**super().get_model_feature_lengths(task_feature_lengths), "width": 12}

    (row,) = read(Widths(pack=False)(dataset_of(EXAMPLES[:1]), LENGTHS))
    assert row["width"] == [4] * 7 + [0] * 5
    (packed,) = read(Widths(pack=True)(dataset_of(EXAMPLES), LENGTHS))
    assert packed["width"] == [4] * 7 + [2] * 4 + [0]


def test_one_example_can_be_converted_directly():
    features = {
        "targets": tf.constant([7, 8, 5, 3, 0]),
        "inputs_width": tf.constant([2, 2, 2, 2, 0]),
        "inputs_width_add_pos": tf.constant([3, 3, 3, 3, 0]),
    }
    converted = PrefixLMFeatureConverter(pack=False)._convert_example(features)
    assert {name: value.numpy().tolist() for name, value in converted.items()} == {
        "decoder_target_tokens": [7, 8, 5, 3, 0],
        "decoder_input_tokens": [0, 7, 8, 5, 3],
        "decoder_loss_weights": [0, 0, 1, 1, 0],
        "decoder_causal_attention": [1, 1, 1, 0, 0],
    }


def test_long_sequences_are_converted_one_by_one_to_the_same():
    """Windows of such rows would take too much memory."""
    inputs = list(range(1, 40_001))
    examples = dataset_of([{"inputs": [*inputs, 0], "targets": [5, 6]}])
    (row,) = read(PrefixLMFeatureConverter(pack=False)(examples, {"inputs": 40_001, "targets": 4}))
    assert row["decoder_target_tokens"] == [*inputs, 0, 5, 6, 0, 0]
    assert row["decoder_loss_weights"] == [0] * 40_001 + [1, 1, 0, 0]


SUFFIX_LENGTHS = {"inputs": 4, "targets": 3, "suffixes": 3}


@pytest.mark.parametrize(
    ("example", "tokens", "loss", "suffix"),
    [
        (
            {"inputs": [9, 4, 6, 1], "targets": [3, 9], "suffixes": [2, 1]},
            [9, 4, 6, 1, 3, 9, 2, 1, 0, 0],
            [0, 0, 0, 0, 1, 1, 1, 1, 0, 0],
            [0, 0, 0, 0, 0, 0, 1, 1, 0, 0],
        ),
        (
            {"inputs": [9, 4], "targets": [], "suffixes": [2, 1]},
            [9, 4, 2, 1, 0, 0, 0, 0, 0, 0],
            [0, 0, 1, 1, 0, 0, 0, 0, 0, 0],
            [0, 0, 1, 1, 0, 0, 0, 0, 0, 0],
        ),
        (
            {"inputs": [9, 4], "targets": [2, 1], "suffixes": []},
            [9, 4, 2, 1, 0, 0, 0, 0, 0, 0],
            [0, 0, 1, 1, 0, 0, 0, 0, 0, 0],
            [0, 0, 1, 1, 0, 0, 0, 0, 0, 0],
        ),
        (
            {"inputs": [9, 4], "targets": [], "suffixes": []},
            [9, 4, 0, 0, 0, 0, 0, 0, 0, 0],
            [0, 0, 0, 0, 0, 0, 0, 0, 0, 0],
            [0, 0, 0, 0, 0, 0, 0, 0, 0, 0],
        ),
    ],
    ids=["all three", "no targets", "no suffixes", "inputs only"],
)
@pytest.mark.parametrize("pack", [False, True])
def test_suffixes(pack, example, tokens, loss, suffix):
    (row,) = read(PrefixSuffixLMFeatureConverter(pack=pack)(dataset_of([example]), SUFFIX_LENGTHS))
    assert row["decoder_target_tokens"] == tokens
    assert row["decoder_loss_weights"] == loss
    assert row["target_suffix_weights"] == suffix


def test_suffixes_packed():
    examples = [
        {"inputs": [9, 4], "targets": [3], "suffixes": [2, 1]},
        {"inputs": [3, 2], "targets": [4, 1], "suffixes": []},
    ]
    converter = PrefixSuffixLMFeatureConverter(loss_on_targets_only=False)
    assert not converter.loss_on_targets_only
    assert read(converter(dataset_of(examples), SUFFIX_LENGTHS)) == [
        {
            "decoder_target_tokens": [9, 4, 3, 2, 1, 3, 2, 4, 1, 0],
            "decoder_input_tokens": [0, 9, 4, 3, 2, 0, 3, 2, 4, 0],
            "decoder_loss_weights": [1, 1, 1, 1, 1, 1, 1, 1, 1, 0],
            "target_suffix_weights": [0, 0, 0, 1, 1, 0, 0, 1, 1, 0],
            "decoder_causal_attention": [1, 1, 1, 0, 0, 1, 1, 1, 0, 0],
            "decoder_segment_ids": [1, 1, 1, 1, 1, 2, 2, 2, 2, 0],
            "decoder_positions": [0, 1, 2, 3, 4, 0, 1, 2, 3, 0],
        }
    ]
    assert set(converter.get_model_feature_lengths(SUFFIX_LENGTHS).values()) == {10}
