"""The demo's predict_fn and score_fn: padding, order, and agreement with the model."""

from __future__ import annotations

import jax
import numpy as np
import pytest
import tensorflow as tf

from evalkit.demo.model import LanguageModel, logits
from evalkit.demo.model_functions import ModelFunctions, full_batches

LENGTH, NUM_TARGETS, VOCAB_SIZE = 8, 2, 11


@pytest.fixture(scope="module")
def model():
    """Small enough to compile at once."""
    return LanguageModel(VOCAB_SIZE, max_length=LENGTH, width=16, num_layers=1, num_heads=2)


@pytest.fixture(scope="module")
def params(model):
    return jax.jit(model.init)(jax.random.key(0), np.zeros((1, LENGTH), np.int32))


@pytest.fixture(scope="module")
def features():
    """Seven examples as a prefix language model sees them: 2 to 5 inputs, then 2 targets."""
    random = np.random.default_rng(0)
    num_inputs = random.integers(2, 6, 7)
    targets = random.integers(2, VOCAB_SIZE, (7, LENGTH)).astype(np.int32)
    place = np.arange(LENGTH)[None]
    end = (num_inputs + NUM_TARGETS)[:, None]
    targets = np.where(place < end, targets, 0).astype(np.int32)
    return {
        "decoder_target_tokens": targets,
        "decoder_input_tokens": np.pad(targets, [(0, 0), (1, 0)])[:, :-1],
        "decoder_loss_weights": ((place >= num_inputs[:, None]) & (place < end)).astype(np.int32),
        "decoder_causal_attention": (place <= num_inputs[:, None]).astype(np.int32),
    }


@pytest.fixture(scope="module")
def dataset(features):
    return tf.data.Dataset.from_tensor_slices(features).enumerate()


@pytest.mark.parametrize("batch_size", [1, 3, 7, 10])
def test_every_batch_is_full_and_filler_rows_are_marked(dataset, batch_size):
    batches = list(full_batches(dataset, batch_size))
    assert {len(indices) for indices, _ in batches} == {batch_size}
    assert {rows.shape for _, batch in batches for rows in batch.values()} == {(batch_size, LENGTH)}
    indices = np.concatenate([indices for indices, _ in batches])
    assert indices[indices >= 0].tolist() == list(range(7))
    assert (indices[7:] == -1).all()


def test_outputs_do_not_depend_on_the_batch_size(model, params, dataset):
    small, large = ModelFunctions(model, NUM_TARGETS, batch_size=2), ModelFunctions(model, NUM_TARGETS, batch_size=7)
    tokens = [dict(functions.predict_fn(params)(dataset)) for functions in (small, large)]
    scores = [dict(functions.score_fn(params)(dataset)) for functions in (small, large)]
    for index in range(7):
        assert tokens[0][index] == tokens[1][index]
        np.testing.assert_allclose(scores[0][index], scores[1][index], rtol=1e-5)


def test_generated_tokens_are_the_likeliest_at_each_step(model, params, dataset, features):
    compiled = jax.jit(logits, static_argnums=0)
    generated = dict(ModelFunctions(model, NUM_TARGETS, batch_size=7).predict_fn(params)(dataset))
    for index in range(7):
        tokens = features["decoder_input_tokens"][index][features["decoder_causal_attention"][index] == 1].tolist()
        for step in range(NUM_TARGETS):
            padded = np.array([tokens + [0] * (LENGTH - len(tokens))], np.int32)[:, :LENGTH]
            following = int(compiled(model, params, padded)[0, len(tokens) - 1].argmax())
            assert generated[index][step] == following
            tokens.append(following)


def test_the_targets_are_not_seen_while_generating(model, params, features):
    hidden = {
        **features,
        "decoder_input_tokens": features["decoder_input_tokens"] * features["decoder_causal_attention"],
    }
    predict_fn = ModelFunctions(model, NUM_TARGETS, batch_size=7).predict_fn(params)
    with_targets = predict_fn(tf.data.Dataset.from_tensor_slices(features).enumerate())
    without = predict_fn(tf.data.Dataset.from_tensor_slices(hidden).enumerate())
    assert with_targets == without


def test_a_score_is_the_log_likelihood_of_the_targets(model, params, dataset, features):
    scores = dict(ModelFunctions(model, NUM_TARGETS, batch_size=7).score_fn(params)(dataset))
    all_logits = np.asarray(logits(model, params, features["decoder_input_tokens"]), np.float64)
    for index in range(7):
        log_probabilities = all_logits[index] - np.logaddexp.reduce(all_logits[index], axis=-1, keepdims=True)
        places = np.flatnonzero(features["decoder_loss_weights"][index])
        expected = sum(
            float(log_probabilities[place, features["decoder_target_tokens"][index, place]]) for place in places
        )
        assert scores[index] == pytest.approx(expected, rel=1e-5)
