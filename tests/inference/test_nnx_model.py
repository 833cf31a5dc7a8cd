"""The adapter for Flax nnx."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import nnx

from evalkit.demo.cached_model import METHODS
from evalkit.demo.nnx_model import NnxLanguageModel
from evalkit.errors import ArgumentError, ModelError
from evalkit.inference.engine import Engine
from evalkit.inference.methods import Methods
from evalkit.inference.model_check import check_model
from evalkit.inference.nnx_model import nnx_model
from evalkit.inference.spans import Rows

TOKENS = np.array([[3, 1, 2], [4, 4, 0]], np.int32)


class Restless(nnx.Module):
    """Draws random numbers in every mode."""

    def __init__(self, rngs):
        self.rngs = rngs

    def __call__(self, tokens):
        return jax.random.normal(self.rngs.noise(), (*tokens.shape, 5))


class KeepsItsCache(nnx.Module):
    """Has a cache among its variables."""

    def __init__(self):
        self.keys = nnx.Cache(jnp.zeros(3))

    def __call__(self, tokens):
        return jax.nn.one_hot(tokens, 5)


class TwoTables(nnx.Module):
    """Reads inputs with one table and tokens with another."""

    def __init__(self, rngs):
        self.inputs = nnx.Embed(5, 4, rngs=rngs)
        self.tokens = nnx.Embed(5, 4, rngs=rngs)

    def read(self, inputs, lengths):
        seen = jnp.arange(inputs.shape[1])[None] < lengths[:, None]
        return jnp.where(seen[..., None], self.inputs(inputs), 0.0).sum(axis=1)

    def write(self, memory, tokens):
        return self.tokens(tokens) + memory[:, None]

    def logits(self, hidden):
        return self.tokens.attend(hidden)


def language_model(dropout_rate=0.5, seed=0):
    return NnxLanguageModel(5, 16, 1, 2, dropout_rate, rngs=nnx.Rngs(seed))


def test_it_is_evaluated_in_the_mode_for_evaluation():
    module = language_model()
    model, params = nnx_model(module, vocab_size=5, max_length=8, methods=METHODS)
    assert not module.blocks[0].dropout.deterministic  # the module itself trains on
    found = [model.logits(params, model.outputs(params, None, TOKENS)) for _ in range(2)]
    module.eval()
    np.testing.assert_allclose(found[0], module(TOKENS), atol=1e-6)
    np.testing.assert_array_equal(*found)


def test_later_parameters_are_the_state_of_the_module():
    module = language_model()
    model, _ = nnx_model(module, vocab_size=5, max_length=8)
    jax.tree.map(lambda leaf: leaf.delete(), nnx.state(module))  # as by a trainer that donates
    other = language_model(seed=1)
    other.eval()
    for params in (nnx.state(other), nnx.state(other, nnx.Param), nnx.to_pure_dict(nnx.state(other, nnx.Param))):
        check_model(model, params)
        np.testing.assert_allclose(jax.jit(model.apply_fn)(params, TOKENS), other(TOKENS), atol=1e-6)


def test_an_engine_takes_the_whole_state_of_a_module_random_states_included():
    module = language_model()
    model, params = nnx_model(module, vocab_size=5, max_length=8)
    engine = Engine(model)
    rows = Rows.of([[3, 1, 2]], starts=[1])
    state = nnx.state(module)
    assert any(jnp.issubdtype(leaf.dtype, jax.dtypes.prng_key) for leaf in jax.tree.leaves(state))
    np.testing.assert_array_equal(engine.score(state, rows).sums, engine.score(params, rows).sums)


def test_an_encoder_and_a_decoder():
    module = TwoTables(nnx.Rngs(0))
    methods = Methods(outputs="write", unembed="logits", encode="read")
    model, params = nnx_model(module, vocab_size=5, max_length=8, methods=methods)
    assert model.has_encoder
    lengths = np.array([3, 1], np.int32)
    outputs = model.outputs(params, model.memory(params, TOKENS, lengths), TOKENS)
    expected = module.logits(module.write(module.read(TOKENS, lengths), TOKENS))
    np.testing.assert_allclose(model.logits(params, outputs), expected, atol=1e-6)


@pytest.mark.parametrize(
    ("module", "methods", "error", "message"),
    [
        (Restless(nnx.Rngs(0)), Methods(), ModelError, "apply_fn failed .*RngCount"),
        (KeepsItsCache(), Methods(), ModelError, "KeepsItsCache keeps a cache of its own .variables of type nnx.Cache"),
        (language_model(), Methods(extend="extent"), ArgumentError, "no method 'extent' .*Nearest names: 'extend'"),
    ],
)
def test_modules_that_are_refused(module, methods, error, message):
    with pytest.raises(error, match=message):
        nnx_model(module, vocab_size=5, max_length=4, methods=methods)


def test_parameters_that_do_not_fit_are_named():
    model, params = nnx_model(language_model(), vocab_size=5, max_length=8)
    wide, _ = nnx.state(NnxLanguageModel(5, 24, 1, 2, rngs=nnx.Rngs(0))), None
    with pytest.raises(ModelError, match=r"fit NnxLanguageModel: .*before_attention/bias has shape \(24,\), expected"):
        check_model(model, wide)
    pure = nnx.to_pure_dict(params)
    del pure["logits"]["bias"]
    with pytest.raises(ModelError, match=r"logits/bias is missing \(expected shape \(5,\)\)"):
        check_model(model, pure)
