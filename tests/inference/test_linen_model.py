"""The adapter for Flax linen."""

from __future__ import annotations

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from evalkit.demo.cached_model import METHODS, CachedLanguageModel
from evalkit.demo.model import LanguageModel
from evalkit.errors import ArgumentError, ModelError
from evalkit.inference.linen_model import linen_model
from evalkit.inference.methods import Methods
from evalkit.inference.model_check import check_model
from tests.inference.models import small_model

TOKENS = np.array([[3, 1, 2], [4, 4, 0]], np.int32)


class Careless(nn.Module):
    """Normalises over batches, and drops, unless it is told not to."""

    @nn.compact
    def __call__(self, tokens, train=True):
        x = nn.Embed(5, 4)(tokens)
        x = nn.Dropout(0.5, deterministic=not train)(x)
        return nn.Dense(5)(nn.BatchNorm(use_running_average=not train)(x))


class KeepsItsCache(nn.Module):
    """Writes keys to a collection, as modules made for decoding do."""

    @nn.compact
    def __call__(self, tokens):
        index = self.variable("cache", "index", lambda: jnp.zeros((), jnp.int32))
        index.value = index.value + 1
        return nn.Embed(5, 5)(tokens)


class Counts(nn.Module):
    """Writes another collection."""

    @nn.compact
    def __call__(self, tokens):
        calls = self.variable("statistics", "calls", lambda: jnp.zeros((), jnp.int32))
        calls.value = calls.value + 1
        return nn.Embed(5, 5)(tokens)


class Partitioned(nn.Module):
    """Has a table with names for its axes."""

    @nn.compact
    def __call__(self, tokens):
        initializer = nn.with_partitioning(nn.initializers.normal(), ("vocab", "embed"))
        return self.param("table", initializer, (5, 5))[tokens]


def test_parameters_with_and_without_the_name_of_their_collection():
    module = LanguageModel(vocab_size=5, max_length=4, width=16, num_layers=1, num_heads=2)
    model = linen_model(module, vocab_size=5, max_length=4)
    params = module.init(jax.random.key(0), TOKENS)
    expected = module.apply(params, TOKENS)
    for given in (params, params["params"]):
        check_model(model, given)
        np.testing.assert_array_equal(model.outputs(given, None, TOKENS), expected)


def test_other_collections_are_read():
    methods = Methods(outputs=lambda module, tokens: module(tokens, train=False))
    model = linen_model(Careless(), vocab_size=5, max_length=4, methods=methods)
    variables = Careless().init(jax.random.key(0), TOKENS, train=False)
    check_model(model, variables)
    expected = Careless().apply(variables, TOKENS, train=False)
    np.testing.assert_array_equal(model.outputs(variables, None, TOKENS), expected)
    with pytest.raises(ModelError, match="batch_stats/BatchNorm_0/mean is missing"):
        check_model(model, {"params": variables["params"]})


def test_parameters_in_boxes_or_without():
    model = linen_model(Partitioned(), vocab_size=5, max_length=4)
    params = Partitioned().init(jax.random.key(0), TOKENS)
    for given in (params, nn.meta.unbox(params)):
        check_model(model, given)
        assert model.outputs(given, None, TOKENS).shape == (2, 3, 5)


def test_a_large_model_costs_nothing_to_describe():
    module = CachedLanguageModel(vocab_size=50_000, max_length=2_048, width=8_192, num_layers=4, num_heads=64)
    assert linen_model(module, vocab_size=50_000, max_length=2_048, methods=METHODS).has_cache


@pytest.mark.parametrize(
    ("module", "methods", "error", "message"),
    [
        (Careless(), Methods(), ModelError, 'Careless is not deterministic: Dropout_0 needs PRNG for "dropout"'),
        (KeepsItsCache(), Methods(), ModelError, "KeepsItsCache keeps a cache of its own .collection 'cache'."),
        (Counts(), Methods(), ModelError, "apply_fn failed .*statistics"),
        (Counts(), Methods(unembed="unembd"), ArgumentError, r"Counts has no method 'unembd' \(unembed\)"),
        (CachedLanguageModel(5, 4), Methods(outputs="hiden"), ArgumentError, "Nearest names: 'hidden'"),
        (
            CachedLanguageModel(5, 4),
            Methods(outputs="hidden"),
            ModelError,
            r"apply_fn returns hidden states, give unembed",
        ),
        (
            CachedLanguageModel(5, 4, positions="none"),
            METHODS,
            ModelError,
            r"of shape \(1, 4\): positions must be one of .*found 'none'",
        ),
    ],
)
def test_modules_that_are_refused(module, methods, error, message):
    with pytest.raises(error, match=message):
        linen_model(module, vocab_size=100, max_length=4, methods=methods)


def test_parameters_that_do_not_fit_are_named():
    model, params = small_model("learned")
    layers = dict(params["params"])
    kernel = layers["final_norm"]["scale"]
    for wrong, message in [
        ({**layers, "final_norm": {"scale": kernel}}, r"params/final_norm/bias is missing \(expected shape \(16,\)\)"),
        ({**layers, "head": kernel}, "params/head is not one of its parameters"),
        (
            {**layers, "final_norm": {"scale": kernel[:3], "bias": kernel}},
            r"params/final_norm/scale has shape \(3,\), expected \(16,\)",
        ),
        ({}, r"fit CachedLanguageModel: .*; and \d+ more\."),
    ]:
        with pytest.raises(ModelError, match=message):
            check_model(model, {"params": wrong})
    with pytest.raises(ModelError, match="parameters of CachedLanguageModel must be a mapping.* found list"):
        check_model(model, [kernel])
