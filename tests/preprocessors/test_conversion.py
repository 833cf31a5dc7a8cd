"""Feature converters inside a task's pipeline."""

from __future__ import annotations

import tensorflow as tf

from evalkit.feature_converters import EncDecFeatureConverter
from evalkit.preprocessors import apply_feature_converter


def test_a_converter_may_pack_in_the_pipeline():
    rows = [{"inputs": [7, 1], "targets": [5, 1]}, {"inputs": [8, 9, 1], "targets": [6, 1]}]
    types = {name: tf.TensorSpec([None], tf.int32) for name in ("inputs", "targets")}
    dataset = tf.data.Dataset.from_generator(lambda: iter(rows), output_signature=types)
    lengths = {"inputs": 6, "targets": 5}
    packed = apply_feature_converter(dataset, lengths, EncDecFeatureConverter(pack=True))
    (example,) = packed.as_numpy_iterator()
    assert example["encoder_input_tokens"].tolist() == [7, 1, 8, 9, 1, 0]
    assert example["decoder_segment_ids"].tolist() == [1, 1, 2, 2, 0]
