"""`score_fn`: from what converters make to what the Evaluator takes."""

from __future__ import annotations

import math
import subprocess
import sys

import jax.numpy as jnp
import numpy as np
import pytest
import tensorflow as tf

from evalkit import feature_converters
from evalkit.errors import ArgumentError, ArgumentTypeError, FeatureError, RowError
from evalkit.inference.engine import Engine
from evalkit.inference.feature_rows import rows_of_features
from evalkit.inference.model import Model
from tests.inference.models import small_model
from tests.inference.reference import log_probabilities, span_log_probability

EXAMPLES = [
    {"inputs": [7, 8, 5], "targets": [3, 9, 2]},
    {"inputs": [8], "targets": [4]},
    {"inputs": [7, 8, 5], "targets": [3, 9, 4, 2]},
]
LENGTHS = {"inputs": 4, "targets": 5}


def converted(converter, *, of=("inputs", "targets")) -> tf.data.Dataset:
    spec = {name: tf.TensorSpec([None], tf.int32) for name in of}
    examples = [{name: example[name] for name in of} for example in EXAMPLES]
    dataset = tf.data.Dataset.from_generator(lambda: examples, output_signature=spec)
    return converter(dataset, {name: LENGTHS[name] for name in of}).enumerate()


def engine() -> Engine:
    return Engine(small_model("learned").model)


def test_targets_of_a_prefix_language_model():
    dataset = converted(feature_converters.PrefixLMFeatureConverter(pack=False))
    params = small_model("learned").params
    pairs = engine().score_fn(params)(dataset)
    for (index, score), example in zip(pairs, EXAMPLES, strict=True):
        row = [0, *example["inputs"], *example["targets"]]
        expected = span_log_probability(params, row, 1 + len(example["inputs"]))
        assert math.isclose(score, expected, abs_tol=1e-5), index
    assert [index for index, _ in pairs] == [0, 1, 2]


def test_all_targets_of_a_language_model():
    dataset = converted(feature_converters.LMFeatureConverter(pack=False), of=("targets",))
    params = small_model("learned").params
    expected = [span_log_probability(params, [0, *example["targets"]], 1) for example in EXAMPLES]
    np.testing.assert_allclose([score for _, score in engine().score_fn(params)(dataset)], expected, atol=1e-5)


def test_targets_of_an_encoder_decoder():
    dataset = converted(feature_converters.EncDecFeatureConverter(pack=False))
    model, params = small_model("encoder_decoder")
    scores = [score for _, score in Engine(model).score_fn(params)(dataset)]
    for score, example in zip(scores, EXAMPLES, strict=True):
        inputs, row = np.array([example["inputs"]]), [0, *example["targets"]]
        memory = model.memory(params, inputs, np.array([inputs.shape[1]]))
        logits = np.asarray(model.logits(params, model.outputs(params, memory, np.array([row[:-1]])))[0], np.float64)
        said = logits - np.log(np.exp(logits).sum(axis=-1, keepdims=True))
        assert math.isclose(score, said[range(len(row) - 1), row[1:]].sum(), abs_tol=1e-5)


def test_only_targets_with_a_weight_count():
    features = {
        "decoder_target_tokens": np.array([5, 6, 0, 7, 8, 0, 0]),
        "decoder_input_tokens": np.array([0, 5, 6, 0, 7, 8, 0]),
        "decoder_loss_weights": np.array([0, 1, 0, 0.5, 1, 0, 0]),
    }
    params = small_model("learned").params
    pairs, intermediates = engine().score_fn(params, intermediates=True)([(-1, features), (0, features)])
    found = log_probabilities(params, [0, 5, 6, 0, 7])
    expected = [found[1, 6], found[3, 7], found[4, 8]]
    np.testing.assert_allclose(intermediates["token_log_probs"][0], expected, atol=1e-5)
    assert intermediates["likeliest_tokens"][0].tolist() == found[[1, 3, 4]].argmax(axis=-1).tolist()
    assert [index for index, _ in pairs] == [0]
    assert math.isclose(pairs[0][1], sum(expected), abs_tol=1e-5)
    assert all(len(values) == 1 for values in intermediates.values())


def test_no_examples():
    params = small_model("learned").params
    assert engine().score_fn(params)([]) == []
    assert engine().score_fn(params, intermediates=True)([])[1]["token_log_probs"] == []


def features(**changes):
    return {
        "decoder_target_tokens": np.array([5, 6]),
        "decoder_input_tokens": np.array([0, 5]),
        "decoder_loss_weights": np.array([1, 1]),
        **changes,
    }


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"decoder_loss_weights": np.zeros(2)}, "Example 7: none of its 2 decoder_loss_weights is positive"),
        ({"decoder_loss_weights": np.ones(3)}, "must be of one length; found 2, 2 and 3"),
        ({"decoder_loss_weights": np.ones((2, 1))}, r"decoder_loss_weights must be \[length\], found shape \(2, 1\)"),
        ({"decoder_input_tokens": np.array([0, 6])}, r"decoder_input_tokens\[1\] is 6, and the target before it is 5"),
        ({"decoder_segment_ids": np.array([1, 2])}, "Example 7 is packed; convert with pack=False"),
        ({"encoder_input_tokens": np.array([1])}, "encoder_input_tokens is a feature of 1 of 2 examples"),
    ],
)
def test_features_that_cannot_be_scored(changes, message):
    with pytest.raises(FeatureError, match=message):
        rows_of_features([(3, features()), (7, features(**changes))])


def test_a_feature_that_is_missing():
    with pytest.raises(FeatureError, match=r"Example 0 has no feature 'decoder_target_tokens'.*it has \['inputs'\]"):
        rows_of_features([(0, {"inputs": np.array([1])})])


def test_inputs_without_an_encoder():
    with pytest.raises(RowError, match="The rows have inputs, and the model has no encoder"):
        engine().score_fn(small_model("learned").params)([(0, features(encoder_input_tokens=np.array([1])))])


def test_arguments_of_an_engine():
    model = Model(lambda params, tokens: jnp.zeros((*tokens.shape, 4)), vocab_size=4, max_length=4)
    with pytest.raises(ArgumentTypeError, match="mesh must be a jax.sharding.Mesh"):
        Engine(model, mesh="cpu")
    with pytest.raises(ArgumentError, match="token_budget must be at least 1"):
        Engine(model, token_budget=0)
    with pytest.raises(ArgumentError, match="cache_budget must be at least 1"):
        Engine(model, cache_budget=0)
    assert Engine(model).model is model


def test_tensorflow_is_not_loaded():
    code = "import evalkit.inference.engine, sys; sys.exit('tensorflow' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
