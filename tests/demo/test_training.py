"""The demo's trainer."""

from __future__ import annotations

import math

import jax
import numpy as np
import pytest

from evalkit.demo.model import LanguageModel
from evalkit.demo.training import TrainingPlan, train
from evalkit.errors import ArgumentError


@pytest.fixture(scope="module")
def model():
    return LanguageModel(vocab_size=5, max_length=4, width=16, num_layers=1, num_heads=2)


@pytest.fixture(scope="module")
def examples():
    """Always the same sequence, so that it can be learned in a few steps."""
    targets = np.tile(np.array([[2, 3, 4, 1]], np.int32), (8, 1))
    return {
        "decoder_target_tokens": targets,
        "decoder_input_tokens": np.pad(targets, [(0, 0), (1, 0)])[:, :-1],
        "decoder_loss_weights": np.ones_like(targets),
    }


PLAN = TrainingPlan(num_steps=30, batch_size=4, learning_rate=1e-2, seed=7)


@pytest.fixture(scope="module")
def states(model, examples):
    return list(train(model, examples, PLAN))


def test_the_loss_falls(states):
    assert [state.step for state in states] == list(range(31))
    assert math.isnan(states[0].loss)  # nothing was trained on yet
    assert states[-1].loss < 0.5 * states[1].loss


def test_the_same_seed_gives_the_same_parameters(model, examples, states):
    *_, last = train(model, examples, PLAN)
    assert jax.tree.all(jax.tree.map(np.array_equal, last.params, states[-1].params))


@pytest.mark.parametrize("name", ["num_steps", "eval_every", "batch_size"])
def test_a_plan_checks_itself(name):
    with pytest.raises(ArgumentError, match=f"{name} must be at least 1, found 0"):
        TrainingPlan(**{name: 0})
