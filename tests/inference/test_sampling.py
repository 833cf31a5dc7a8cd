"""How the next token is chosen, against sets and probabilities computed in another way."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from evalkit.errors import ArgumentError, ArgumentTypeError
from evalkit.inference.compiled import CompiledFunctions
from evalkit.inference.sampling import Rules, SamplingParams, draw, next_tokens, nucleus, row_keys


def smallest_set(probabilities: np.ndarray, top_k: int, top_p: float) -> set[int]:
    """By its definition, in float64: the likeliest first, one more until the mass is there."""
    order = sorted(range(len(probabilities)), key=lambda token: (-probabilities[token], token))
    order = order[: top_k or None]
    total = probabilities[order].sum()
    if top_p >= 1:
        return set(order)
    chosen: list[int] = []
    while probabilities[chosen].sum() / total < top_p:
        chosen.append(order[len(chosen)])
    return set(chosen)


def kept(logits: np.ndarray, top_k: np.ndarray, top_p: np.ndarray) -> list[set[int]]:
    masks = np.asarray(jax.jit(nucleus)(logits, top_k, top_p))
    return [set(np.flatnonzero(mask).tolist()) for mask in masks]


def test_the_nucleus_is_the_smallest_set_with_the_mass_in_1000_of_1000_cases():
    generator = np.random.default_rng(0)
    logits = (generator.normal(size=(1000, 50)) * generator.uniform(0.1, 5, (1000, 1))).astype(np.float32)
    top_p = generator.uniform(0.01, 1, 1000).astype(np.float32)
    top_k = np.where(generator.random(1000) < 0.5, 0, generator.integers(1, 51, 1000)).astype(np.int32)
    exact = np.exp(logits.astype(np.float64))
    exact /= exact.sum(axis=1, keepdims=True)
    expected = [smallest_set(*case) for case in zip(exact, top_k.tolist(), top_p.astype(np.float64), strict=True)]
    found = kept(logits, top_k, top_p)
    assert sum(a == b for a, b in zip(found, expected, strict=True)) == 1000
    assert len({len(tokens) for tokens in found}) > 20  # the cases are not all alike


def test_of_equally_likely_tokens_those_of_lower_id_are_kept():
    logits = np.array([[0, 1, 0, 0, 1]], np.float32).repeat(4, axis=0)
    found = kept(logits, np.array([1, 2, 3, 0], np.int32), np.array([1, 1, 1, 0.75], np.float32))
    # e / (2e + 3) is 0.32, so 0.75 takes both ones and one of the three zeros.
    assert found == [{1}, {1, 4}, {0, 1, 4}, {0, 1, 4}]


def test_without_limits_everything_is_kept_however_unlikely():
    logits = np.array([[0, -40, -80]], np.float32)
    assert kept(logits, np.array([0], np.int32), np.array([1], np.float32)) == [{0, 1, 2}]


@pytest.mark.parametrize(
    ("temperature", "top_k", "top_p"), [(1.0, 0, 1.0), (0.7, 0, 1.0), (1.3, 8, 1.0), (1.0, 0, 0.8), (2.0, 9, 0.9)]
)
def test_draws_have_the_probabilities_that_they_should(temperature, top_k, top_p):
    draws, ids = 100_000, 12
    logits = np.random.default_rng(1).normal(size=ids).astype(np.float32) * 1.5
    rules = SamplingParams(1, temperature=temperature, top_k=top_k, top_p=top_p).rules(draws)
    keys = row_keys(np.uint32(3), jnp.arange(draws), jnp.zeros(draws, jnp.int32))
    rows = jnp.broadcast_to(jnp.asarray(logits)[None], (draws, ids))
    tokens = np.asarray(jax.jit(next_tokens)(rows, rules, keys, jnp.zeros(draws, jnp.int32)))

    exact = np.exp(logits.astype(np.float64) / temperature)
    exact /= exact.sum()
    left = sorted(smallest_set(exact, top_k, top_p))
    expected = exact[left] / exact[left].sum() * draws
    counts = np.bincount(tokens, minlength=ids)
    assert counts.sum() == counts[left].sum() == draws
    assert p_value(((counts[left] - expected) ** 2 / expected).sum(), len(left) - 1) > 0.01


def p_value(chi_square: float, freedom: int) -> float:
    """The probability of at least `chi_square`."""
    return float(jax.scipy.special.gammaincc(freedom / 2, chi_square / 2))


def test_equal_rows_draw_apart_and_each_row_the_same_again():
    def draws(examples: list[int], samples: list[int], steps: list[int], seed: int = 0) -> list[int]:
        count = len(examples)
        keys = row_keys(np.uint32(seed), jnp.array(examples), jnp.array(samples))
        rules = SamplingParams(1, temperature=1.0).rules(count)
        return next_tokens(jnp.zeros((count, 1_000_000)), rules, keys, jnp.array(steps)).tolist()

    different = draws([0, 0, 0, 1, 0], [0, 1, 2, 0, 0], [0, 0, 0, 0, 1])
    assert len(set(different)) == 5
    assert draws([1, 0], [0, 2], [0, 0]) == [different[3], different[2]]
    assert draws([0], [0], [0], seed=1) != different[:1]


def test_draws_do_not_depend_on_how_jax_is_set_to_count():
    rows = jnp.arange(4)
    rules = Rules(*map(jnp.asarray, SamplingParams(1, temperature=1.0).rules(4)))

    def drawn():
        keys = row_keys(np.uint32(3), rows, rows)
        return jax.jit(lambda keys: next_tokens(jnp.zeros((4, 1_000_000)), rules, keys, rows))(keys).tolist()

    with jax.threefry_partitionable(False):
        found = drawn()
    with jax.threefry_partitionable(True):
        assert drawn() == found


def test_rows_of_one_batch_follow_rules_of_their_own():
    rules = Rules(jnp.array([0.0, 1.0, 1.0]), jnp.array([0, 1, 0]), jnp.array([1.0, 1.0, 1e-6]))
    logits = jnp.broadcast_to(jnp.array([[1.0, 3.0, 3.0, 2.0]]), (3, 4))
    for seed in range(20):
        keys = row_keys(np.uint32(seed), jnp.arange(3), jnp.arange(3))
        assert next_tokens(logits, rules, keys, jnp.zeros(3, jnp.int32)).tolist() == [1, 1, 1]


def test_a_number_at_either_end_chooses_a_token_that_has_a_probability():
    logits = jnp.array([[-jnp.inf, 0.0, 0.0, -jnp.inf]] * 2)
    ends = jnp.array([0.0, 1 - 2**-24])
    assert draw(logits, jnp.zeros(2, jnp.int32), jnp.ones(2), ends).tolist() == [1, 2]


def chosen(seed, logits, rules):
    rows = jnp.arange(len(logits))
    return next_tokens(logits, rules, row_keys(seed, rows, rows), rows)


def test_other_rules_compile_nothing():
    functions = CompiledFunctions()
    for params in (
        SamplingParams(1),
        SamplingParams(1, temperature=0.5),
        SamplingParams(1, temperature=1, top_k=3),
        SamplingParams(1, temperature=1, top_p=0.5),
    ):
        functions.call(chosen, np.uint32(params.seed), jnp.zeros((2, 5)), params.rules(2))
    assert functions.compiles == 1


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"max_new_tokens": 0}, "max_new_tokens must be at least 1, found 0"),
        ({"top_k": -1}, "top_k must be at least 0"),
        ({"num_samples": 0}, "num_samples must be at least 1"),
        ({"seed": 2**32}, r"seed must be below 2\*\*32"),
        ({"temperature": -0.1}, "temperature must be at least 0"),
        ({"temperature": float("nan")}, "temperature must be finite"),
        ({"top_p": 0}, "top_p must be above 0"),
        ({"top_p": 1.1}, "top_p must be above 0 and at most 1"),
        ({"stop_ids": (3, -1)}, r"stop_ids\[1\] must be at least 0"),
        ({"stop_strings": ("a", "")}, r"stop_strings\[1\] is empty"),
    ],
)
def test_params_refuse_numbers_out_of_range(arguments, message):
    with pytest.raises(ArgumentError, match=message):
        SamplingParams(**({"max_new_tokens": 4} | arguments))


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"max_new_tokens": 1.5}, "max_new_tokens must be a whole number"),
        ({"temperature": "hot"}, "temperature must be a number, found 'hot'"),
        ({"top_p": True}, "top_p must be a number"),
        ({"stop_strings": "\n"}, "stop_strings must be several strings"),
        ({"stop_strings": (3,)}, r"stop_strings\[0\] must be a string, found 3"),
    ],
)
def test_params_refuse_other_types(arguments, message):
    with pytest.raises(ArgumentTypeError, match=message):
        SamplingParams(**({"max_new_tokens": 4} | arguments))
