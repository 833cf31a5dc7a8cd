"""The demo's models with a cache; that reading in parts is reading at once is in tests/inference/test_model.py."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from evalkit.demo.cached_model import CachedLanguageModel
from evalkit.demo.encoder_decoder import EncoderDecoder
from evalkit.errors import ArgumentError
from tests.inference.reference import reference_logits

ROWS = np.random.default_rng(0).integers(0, 20, (3, 12)).astype(np.int32)


@jax.jit
def sharp(params):
    """Parameters with which attention and normalisation make a difference, biases and scales too."""
    keys = iter(jax.random.split(jax.random.key(1), len(jax.tree.leaves(params))))
    return jax.tree.map(lambda leaf: leaf * 8 + 0.1 * jax.random.normal(next(keys), leaf.shape), params)


@pytest.mark.parametrize("positions", ["learned", "rotary"])
def test_the_equations_of_the_papers(positions):
    model = CachedLanguageModel(20, 16, width=16, num_layers=2, num_heads=2, positions=positions)
    params = sharp(jax.jit(model.init)(jax.random.key(0), ROWS))
    found = jax.jit(model.apply)(params, ROWS)
    for row, logits in zip(ROWS, found, strict=True):
        expected = reference_logits(params, row.tolist(), num_heads=2, rotary=positions == "rotary")
        np.testing.assert_allclose(logits, expected, atol=1e-4 * expected.std())


def test_ten_million_parameters():
    model = CachedLanguageModel(vocab_size=8192, max_length=512, width=320, num_layers=6, num_heads=8)
    shapes = jax.eval_shape(model.init, jax.random.key(0), ROWS)
    assert sum(leaf.size for leaf in jax.tree.leaves(shapes)) == 10_183_680


def test_computed_in_bfloat16():
    model = CachedLanguageModel(20, 16, width=16, num_layers=1, num_heads=2, dtype=jnp.bfloat16)
    params = jax.jit(model.init)(jax.random.key(0), ROWS)
    assert {leaf.dtype for leaf in jax.tree.leaves(params)} == {jnp.dtype("float32")}
    assert {leaf.dtype for leaf in jax.tree.leaves(model.init_cache(2, 3))} == {jnp.dtype("bfloat16")}
    exact = CachedLanguageModel(20, 16, width=16, num_layers=1, num_heads=2)
    found, expected = (jax.jit(module.apply)(params, ROWS) for module in (model, exact))
    np.testing.assert_allclose(found, expected, atol=0.05)


def test_positions_that_there_are_not():
    with pytest.raises(ArgumentError, match=r"positions must be one of \('learned', 'rotary'\), found 'sinus'"):
        CachedLanguageModel(20, 16, positions="sinus").init(jax.random.key(0), ROWS)


INPUT_LENGTHS = np.array([12, 5, 0], np.int32)


@pytest.fixture(scope="module")
def logits():
    """The logits of an encoder–decoder at ROWS, as a function of the inputs."""
    model = EncoderDecoder(20, 16, width=16, num_layers=1, num_heads=2)
    params = sharp(jax.jit(model.init)(jax.random.key(0), ROWS, INPUT_LENGTHS, ROWS))
    apply = jax.jit(model.apply)
    return lambda inputs: np.asarray(apply(params, inputs, INPUT_LENGTHS, ROWS))


def test_padding_of_inputs_is_not_read(logits):
    other = np.where(np.arange(12)[None] < np.maximum(INPUT_LENGTHS, 1)[:, None], ROWS, 7).astype(np.int32)
    longer = np.pad(other, [(0, 0), (0, 4)])
    np.testing.assert_allclose(logits(longer), logits(ROWS), atol=1e-5)
    assert np.isfinite(logits(ROWS)).all()  # an empty row of inputs too


def test_every_input_counts(logits):
    other = ROWS.copy()
    other[0, 11], other[1, 4] = (ROWS[0, 11] + 1) % 20, (ROWS[1, 4] + 1) % 20
    difference = np.abs(logits(other) - logits(ROWS)).max(axis=(1, 2))
    assert (difference > 1e-3).tolist() == [True, True, False]
