"""The description of a model, and whether its functions keep the contract."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from evalkit.errors import ArgumentError, ArgumentTypeError, ModelError
from evalkit.inference.model import Model
from evalkit.inference.model_check import check_model
from tests.inference.models import KINDS, MAX_LENGTH, VOCAB_SIZE, padded, random_rows, small_model

ROWS = random_rows(6, 12, shortest=9)
TOKENS = padded(ROWS, 20)
LENGTHS = np.array([len(row) for row in ROWS], np.int32)


def logits_of(model):
    return jax.jit(lambda params, memory, tokens: model.logits(params, model.outputs(params, memory, tokens)))


def memory_of(model, params):
    inputs = random_rows(len(ROWS), 15, seed=1)
    return jax.jit(model.memory)(params, padded(inputs, 15), np.array([len(row) for row in inputs], np.int32))


of_every_kind = pytest.mark.parametrize("kind", KINDS)


@of_every_kind
def test_padding_changes_nothing(kind):
    model, params = small_model(kind)
    memory = memory_of(model, params)
    other = np.where(np.arange(20)[None] < LENGTHS[:, None], TOKENS, 5).astype(np.int32)
    found = [logits_of(model)(params, memory, tokens) for tokens in (TOKENS, other)]
    shorter = logits_of(model)(params, memory, TOKENS[:, :9])
    for row, length in enumerate(LENGTHS):
        np.testing.assert_allclose(found[0][row, :length], found[1][row, :length], atol=1e-5)
    np.testing.assert_allclose(found[0][:, :9], shorter, atol=1e-5)


@of_every_kind
def test_reading_in_parts_is_reading_at_once(kind):
    """A padded prefix, then one token at a time, each row at its own position, then several again."""
    model, params = small_model(kind)
    memory = memory_of(model, params)
    at_once = logits_of(model)(params, memory, TOKENS)
    rows, starts = np.arange(len(ROWS)), np.array([1, 2, 3, 4, 5, 6], np.int32)
    prefix = np.where(np.arange(6)[None] < starts[:, None], TOKENS[:, :6], 7).astype(np.int32)
    cache = model.init_cache(len(ROWS), 12)
    _, cache = jax.jit(model.extend)(params, memory, cache, prefix, np.zeros_like(starts))
    for step in range(3):
        outputs, cache = jax.jit(model.extend)(
            params, memory, cache, TOKENS[rows, starts + step][:, None], starts + step
        )
        expected = at_once[rows, starts + step]
        np.testing.assert_allclose(model.logits(params, outputs)[:, 0], expected, atol=1e-4)
    places = starts[:, None] + 1 + np.arange(4)[None]
    outputs, _ = jax.jit(model.extend)(params, memory, cache, TOKENS[rows[:, None], places], starts + 1)
    np.testing.assert_allclose(model.logits(params, outputs), at_once[rows[:, None], places], atol=1e-4)


@of_every_kind
def test_what_has_no_slot_is_not_written(kind):
    model, params = small_model(kind)
    memory = memory_of(model, params)
    cache = model.init_cache(len(ROWS), 8)
    _, cache = jax.jit(model.extend)(params, memory, cache, TOKENS[:, :8], np.zeros_like(LENGTHS))
    _, after = jax.jit(model.extend)(params, memory, cache, TOKENS[:, :2], np.full_like(LENGTHS, 8))
    assert jax.tree.all(jax.tree.map(np.array_equal, cache, after))


@of_every_kind
def test_described_by_its_logits_alone_it_says_the_same(kind):
    model, params = small_model(kind)
    plain, _ = small_model(kind, cached=False)
    assert model.has_cache and not plain.has_cache
    assert plain.has_encoder == (kind == "encoder_decoder")
    memory = memory_of(model, params)
    expected = logits_of(model)(params, memory, TOKENS)
    np.testing.assert_allclose(logits_of(plain)(params, memory, TOKENS), expected, atol=1e-5)
    with pytest.raises(ArgumentError, match="This model has no cache"):
        plain.init_cache(1, 2)
    with pytest.raises(ArgumentError, match="This model has no cache"):
        plain.extend(params, memory, None, TOKENS, LENGTHS)


def test_logits_are_float32():
    model, params = small_model("learned")
    outputs = model.outputs(params, None, TOKENS).astype(jnp.bfloat16)
    assert model.logits(params, outputs).dtype == jnp.float32


def test_limits_of_inputs():
    assert small_model("learned").model.input_limit == 0
    assert small_model("encoder_decoder").model.input_limit == MAX_LENGTH
    model = Model(lambda *_: None, vocab_size=4, max_length=8, encode_fn=lambda *_: None, max_input_length=3)
    assert model.input_limit == 3


def test_models_can_be_keys():
    model, _ = small_model("learned")
    assert {model: 1}[model] == 1
    assert model != small_model("rotary").model


def always(*_):
    return None


@pytest.mark.parametrize(
    ("changes", "error", "message"),
    [
        ({"vocab_size": 0}, ArgumentError, "vocab_size must be at least 1, found 0"),
        ({"vocab_size": 4.0}, ArgumentTypeError, r"vocab_size must be a whole number, found 4.0 \(float\)"),
        ({"max_length": True}, ArgumentTypeError, "max_length must be a whole number, found True"),
        ({"max_length": -1}, ArgumentError, "max_length must be at least 1, found -1"),
        ({"pad_id": 4}, ArgumentError, "pad_id must be below vocab_size, 4; found 4"),
        ({"bos_id": -1}, ArgumentError, "bos_id must be at least 0, found -1"),
        ({"eos_ids": (1, 9)}, ArgumentError, r"eos_ids\[1\] must be below vocab_size, 4; found 9"),
        ({"max_input_length": 3}, ArgumentError, "max_input_length is the limit of an encoder, and there is no"),
        ({"max_input_length": 0, "encode_fn": always}, ArgumentError, "max_input_length must be at least 1, found 0"),
        ({"extend_fn": always}, ArgumentError, "belong together; found only extend_fn"),
        ({"init_cache_fn": always}, ArgumentError, "belong together; found only init_cache_fn"),
        ({"apply_fn": None}, ArgumentTypeError, "apply_fn must be a function, found None"),
        ({"unembed_fn": 3}, ArgumentTypeError, "unembed_fn must be a function, found 3"),
    ],
)
def test_a_model_checks_itself(changes, error, message):
    with pytest.raises(error, match=message):
        Model(**{"apply_fn": always, "vocab_size": 4, "max_length": 8, **changes})


def one_hot(params, tokens):
    return jax.nn.one_hot(tokens, 4)


def layers(batch_size, length):
    return {"layer": jnp.zeros((batch_size, length))}


def fail(*_):
    raise RuntimeError("no such table")


@pytest.mark.parametrize(
    ("functions", "message"),
    [
        ({"apply_fn": lambda params, tokens: tokens}, r"must return \[batch, length, ...\]; for tokens \(4, 2\)"),
        ({"apply_fn": lambda params, tokens: (tokens, tokens)}, "apply_fn must return one array, found tuple"),
        ({"apply_fn": fail}, r"apply_fn failed for arguments of shape \(4, 2\): no such table"),
        (
            {"apply_fn": lambda params, tokens: one_hot(0, tokens)[..., :3]},
            r"at least vocab_size = 4\], found \(4, 2, 3",
        ),
        ({"unembed_fn": lambda params, hidden: hidden[..., :2]}, r"at least vocab_size = 4\], found \(4, 2, 2\)"),
        ({"unembed_fn": fail}, "unembed_fn failed for arguments of shape"),
        ({"encode_fn": lambda *_: jnp.zeros(2)}, r"encode_fn returns must begin with the batch axis; for 4 rows"),
        ({"init_cache_fn": lambda rows, length: jnp.zeros((length, rows)), "extend_fn": fail}, "init_cache_fn returns"),
        ({"init_cache_fn": layers, "extend_fn": fail}, "extend_fn failed for arguments of shape"),
        (
            {"init_cache_fn": layers, "extend_fn": lambda params, cache, tokens, positions: (tokens, cache)},
            r"apply_fn returned \['float32\[4, 2, 4\]'\], extend_fn \['int32\[4, 2\]'\]",
        ),
        (
            {"init_cache_fn": layers, "extend_fn": lambda params, cache, tokens, positions: (one_hot(0, tokens), ())},
            r"it took \['float32\[4, 3\]'\] and returned \[\]",
        ),
    ],
)
def test_functions_that_break_their_contract(functions, message):
    model = Model(**{"apply_fn": one_hot, "vocab_size": 4, "max_length": 8, **functions})
    with pytest.raises(ModelError, match=message):
        check_model(model, {})


def test_a_row_of_one_token_can_be_all():
    check_model(Model(one_hot, vocab_size=4, max_length=1), {})


def test_padded_tables_are_allowed():
    check_model(Model(lambda params, tokens: jax.nn.one_hot(tokens, VOCAB_SIZE + 3), vocab_size=4, max_length=8), {})
