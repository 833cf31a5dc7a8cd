"""Log-likelihood, perplexity and bits per byte."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from evalkit import errors
from evalkit.metrics import bits_per_byte, mean_log_likelihood, token_perplexity, word_perplexity

METRICS = [mean_log_likelihood, token_perplexity, word_perplexity, bits_per_byte]


def target_for(metric, n=1):
    return [[1]] * n if metric is token_perplexity else ["x"] * n


def test_cases_computed_by_hand():
    assert mean_log_likelihood(["a", "b"], [-1.0, -3.0]) == {"mean_log_likelihood": -2.0}
    # Six tokens, each with probability 1/8.
    assert token_perplexity([[5, 6], [7, 8, 9, 1]], [2 * math.log(1 / 8), 4 * math.log(1 / 8)]) == {
        "token_perplexity": pytest.approx(8.0)
    }
    assert word_perplexity(["to be", "or not to be"], [-2.0, -4.0]) == {"word_perplexity": pytest.approx(math.e)}
    # "é" is two bytes: 3 bytes in all, 6 bits.
    assert bits_per_byte(["é", "a"], [-4 * math.log(2), -2 * math.log(2)]) == {"bits_per_byte": pytest.approx(2.0)}


@given(st.lists(st.tuples(st.integers(1, 9), st.floats(-50, 0)), min_size=1))
@settings(max_examples=60, deadline=None)
def test_a_uniform_model_over_v_tokens_has_perplexity_v(examples):
    targets = [list(range(length)) for length, _ in examples]
    scores = [length * math.log(1 / 17) for length, _ in examples]
    assert token_perplexity(targets, scores)["token_perplexity"] == pytest.approx(17)
    texts = ["w " * length for length, _ in examples]
    values = [score for _, score in examples]
    words = sum(length for length, _ in examples)
    assert word_perplexity(texts, values)["word_perplexity"] == pytest.approx(math.exp(-sum(values) / words))


def test_scores_may_be_arrays_and_come_with_intermediates():
    scores = np.array([-1.0, -3.0], np.float32)
    assert mean_log_likelihood(["a", "b"], (scores, {"layer": [0, 0]})) == {"mean_log_likelihood": -2.0}
    jnp = pytest.importorskip("jax.numpy")
    assert mean_log_likelihood(["a", "b"], jnp.array([-1.0, -3.0], jnp.bfloat16)) == {"mean_log_likelihood": -2.0}


def test_rounding_above_zero_is_no_error():
    assert mean_log_likelihood(["a"], [1e-5]) == {"mean_log_likelihood": 0.0}


@pytest.mark.parametrize("metric", METRICS)
@pytest.mark.parametrize(
    ("scores", "message"),
    [
        ([-1.0], "2 targets but 1 scores"),
        ([-1.0, math.nan], "score 1 is nan; 1 of 2 are not finite"),
        ([-math.inf, -math.inf], "score 0 is -inf; 2 of 2 are not finite"),
        ([-1.0, 0.5], "score 1 is 0.5, and a log-likelihood is never positive.*negate"),
        ([-1.0, None], "score 1 must be a number, found NoneType"),
        (["-1", "-2"], "score 0 must be a number, found str"),
        ([[-1.0], [-2.0]], r"every score must be one number, found shape \[2, 1\]"),
        ([[-1.0], [-2.0, 3.0]], "every score must be one number, found sequences"),
    ],
)
def test_scores_that_are_none(metric, scores, message):
    with pytest.raises(errors.MetricError, match=f"{metric.__name__}: {message}"):
        metric(target_for(metric, 2), scores)


@pytest.mark.parametrize("metric", METRICS)
def test_an_evaluation_of_nothing_is_an_error(metric):
    with pytest.raises(errors.MetricError, match=f"{metric.__name__}: there are no examples"):
        metric([], [])


def test_targets_must_be_what_is_counted():
    with pytest.raises(errors.MetricError, match="target 1 must be a sequence of token ids.*word_perplexity.*'text'"):
        token_perplexity([[1], "text"], [-1.0, -1.0])
    for metric in (word_perplexity, bits_per_byte):
        with pytest.raises(errors.MetricError, match=r"target 0 must be a str.*token_perplexity.*\[1, 2\]"):
            metric([[1, 2]], [-1.0])
        with pytest.raises(errors.MetricError, match="all 1 targets are empty"):
            metric([""], [-1.0])
    with pytest.raises(errors.MetricError, match="too large for a float"):
        word_perplexity(["word"], [-1000.0])
