"""Encoder-decoder conversion, padded, packed, and of rows that were packed before."""

from __future__ import annotations

import pytest
import tensorflow as tf

from evalkit.converter import FeatureConverter
from evalkit.errors import ArgumentError
from evalkit.feature_converters import EncDecFeatureConverter, PrePackedEncDecFeatureConverter
from tests.feature_converters.examples import dataset_of, read

EXAMPLES = [{"inputs": [7, 8, 5, 1], "targets": [3, 9, 1]}, {"inputs": [8, 4, 1], "targets": [4, 1]}]
LENGTHS = {"inputs": 8, "targets": 6}


def test_padded():
    converter = EncDecFeatureConverter(pack=False)
    converted = converter(dataset_of(EXAMPLES[:1]), LENGTHS)
    assert read(converted) == [
        {
            "encoder_input_tokens": [7, 8, 5, 1, 0, 0, 0, 0],
            "decoder_target_tokens": [3, 9, 1, 0, 0, 0],
            "decoder_input_tokens": [0, 3, 9, 1, 0, 0],
            "decoder_loss_weights": [1, 1, 1, 0, 0, 0],
        }
    ]
    assert converter.get_model_feature_lengths(LENGTHS) == {
        name: spec.shape[0] for name, spec in converted.element_spec.items()
    }
    assert {spec.dtype for spec in converted.element_spec.values()} == {tf.int32}


def test_packed():
    converted = EncDecFeatureConverter(pack=True)(dataset_of(EXAMPLES), LENGTHS)
    assert read(converted) == [
        {
            "encoder_input_tokens": [7, 8, 5, 1, 8, 4, 1, 0],
            "encoder_segment_ids": [1, 1, 1, 1, 2, 2, 2, 0],
            "encoder_positions": [0, 1, 2, 3, 0, 1, 2, 0],
            "decoder_target_tokens": [3, 9, 1, 4, 1, 0],
            "decoder_input_tokens": [0, 3, 9, 0, 4, 0],
            "decoder_loss_weights": [1, 1, 1, 1, 1, 0],
            "decoder_segment_ids": [1, 1, 1, 2, 2, 0],
            "decoder_positions": [0, 1, 2, 0, 1, 0],
        }
    ]


@pytest.mark.parametrize(
    ("pack", "expected"), [(False, [[5, 3, 9, 1, 0, 0], [5, 4, 1, 0, 0, 0]]), (True, [[5, 3, 9, 5, 4, 5]])]
)
def test_another_bos_id(pack, expected):
    converted = EncDecFeatureConverter(pack=pack, bos_id=5)(dataset_of(EXAMPLES), LENGTHS)
    assert [row["decoder_input_tokens"] for row in read(converted)] == expected


@pytest.mark.parametrize("pack", [False, True])
def test_other_features_are_dropped(pack):
    examples = [{**example, "text": b"x", "ragged": [1.0] * index} for index, example in enumerate(EXAMPLES)]
    dataset = dataset_of(examples, text=tf.TensorSpec([], tf.string), ragged=tf.TensorSpec([None], tf.float32))
    converter = EncDecFeatureConverter(pack=pack)
    assert read(converter(dataset, LENGTHS)) == read(converter(dataset_of(EXAMPLES), LENGTHS))


def test_features_that_pass_through():
    examples = dataset_of([{**example, "p": [4, 2]} for example in EXAMPLES])
    converter = EncDecFeatureConverter(pack=False, passthrough_features={"p": FeatureConverter.FeatureSpec(tf.int32)})
    assert [row["p"] for row in read(converter(examples, {**LENGTHS, "p": 3}))] == [[4, 2, 0]] * 2


def test_inputs_of_two_dimensions_as_in_a_model_of_images():
    table = {
        "inputs": FeatureConverter.FeatureSpec(tf.float32, rank=2),
        "targets": FeatureConverter.FeatureSpec(tf.int32),
    }

    class ImageConverter(EncDecFeatureConverter):
        TASK_FEATURES = table
        MODEL_FEATURES = {**EncDecFeatureConverter.MODEL_FEATURES, "encoder_input_tokens": table["inputs"]}

    examples = dataset_of([{"inputs": [[0.5, 1.5]], "targets": [3]}], inputs=tf.TensorSpec([None, 2], tf.float32))
    (row,) = read(ImageConverter(pack=False)(examples, {"inputs": 2, "targets": 2}))
    assert row["encoder_input_tokens"] == [[0.5, 1.5], [0, 0]]
    assert row["decoder_input_tokens"] == [0, 3]


def test_a_subclass_that_overrides_the_conversion_of_one_example():
    class Doubled(EncDecFeatureConverter):
        MODEL_FEATURES = {
            **EncDecFeatureConverter.MODEL_FEATURES,
            "meta": FeatureConverter.FeatureSpec(tf.string, rank=0),
        }

        def _convert_example(self, features):
            assert features["targets"].shape == [6]
            converted = super()._convert_example({**features, "inputs": 2 * features["inputs"]})
            return {**converted, "meta": features["meta"]}

        def get_model_feature_lengths(self, task_feature_lengths):
            return {**super().get_model_feature_lengths(task_feature_lengths), "meta": 0}

    examples = dataset_of([{**EXAMPLES[0], "meta": b"m"}], meta=tf.TensorSpec([], tf.string))
    (row,) = read(Doubled(pack=False)(examples, LENGTHS))
    assert row["encoder_input_tokens"] == [14, 16, 10, 2, 0, 0, 0, 0]
    assert row["decoder_input_tokens"] == [0, 3, 9, 1, 0, 0]
    assert row["meta"] == b"m"


def test_rows_that_were_packed_before():
    row = {
        "inputs": [7, 8, 5, 1, 8, 4, 1],
        "inputs_segment_ids": [1, 1, 1, 1, 2, 2, 2],
        "inputs_positions": [0, 1, 2, 3, 0, 1, 2],
        "targets": [3, 9, 1, 4, 1],
        "targets_segment_ids": [1, 1, 1, 2, 2],
        "targets_positions": [0, 1, 2, 0, 1],
    }
    lengths = {name: LENGTHS[name.split("_")[0]] for name in row}
    converter = PrePackedEncDecFeatureConverter(pack=False)
    converted = converter(dataset_of([row]), lengths)
    assert read(converted) == read(EncDecFeatureConverter(pack=True)(dataset_of(EXAMPLES), LENGTHS))
    assert converter.get_model_feature_lengths(lengths)["decoder_positions"] == 6


def test_packing_what_was_packed_before():
    with pytest.raises(ArgumentError, match="'pack=True' is not allowed in PrePackedEncDecFeatureConverter"):
        PrePackedEncDecFeatureConverter()
