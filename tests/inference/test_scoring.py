"""Scores against a reference in float64, and what must not change them."""

from __future__ import annotations

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from evalkit.errors import ModelError, RowError
from evalkit.inference.boundaries import encode_pairs, encode_separately
from evalkit.inference.compiled import CompiledFunctions
from evalkit.inference.engine import Engine
from evalkit.inference.ladder import Ladder
from evalkit.inference.measures import choose, perplexity
from evalkit.inference.model import Model
from evalkit.inference.runtime import Runtime
from evalkit.inference.scoring import score_rows
from evalkit.inference.sharding import DataSharding
from evalkit.inference.spans import Rows
from evalkit.inference.windows import sliding_windows
from tests.inference.models import MAX_LENGTH, VOCAB_SIZE, random_rows, small_model
from tests.inference.reference import log_probabilities, span_log_probability
from tests.inference.scored import mixed_rows
from tests.inference.test_boundaries import encode


def engine_of(kind: str, *, cached: bool = True) -> tuple[Engine, dict]:
    model, params = small_model(kind, cached=cached)
    return Engine(model, token_budget=512, max_shapes=3), params


def reference_sums(params, rows: Rows) -> list[float]:
    """Of the tails that a model of 64 positions can take."""
    sums = []
    for row, (start, end) in enumerate(zip(rows.starts.tolist(), rows.ends.tolist(), strict=True)):
        cut = max(end - 1 - MAX_LENGTH, 0)
        sums.append(span_log_probability(params, rows.tokens.row(row)[cut:].tolist(), start - cut, end - cut))
    return sums


CASES = {
    "one token": Rows.of([[5, 6, 7, choice] for choice in (8, 9, 10, 11)], [3] * 4),
    "several tokens": Rows.of([[5, 6, 7, *choice] for choice in ([8, 9], [8, 9, 10], [12], [8])], [3] * 4),
    "no context": Rows.of([[1, *choice] for choice in ([8, 9], [9, 8, 7], [12], [12])], [1] * 4),
    "too long": Rows.of([[*range(3, 37)] * 3 + choice for choice in ([8, 9], [30, 8, 7], [12], [9])], [102] * 4),
    "full": Rows.of([[*range(3, 37), *range(3, 33), choice] for choice in (8, 9, 12, 13)], [64] * 4),
    "merged": encode_pairs(encode, [("c ca", choice) for choice in ("b", "bc", "c", " ab")], bos_id=1).rows,
    "separate": encode_separately(encode, [("c ca", choice) for choice in ("b", "bc", "c", " ab")], bos_id=1).rows,
    "one row": Rows.of([[7, 8]], [1]),
    "mixed": mixed_rows(30),
}


@pytest.mark.parametrize("cached", [True, False], ids=["cached", "uncached"])
def test_scores_are_those_of_the_reference(cached):
    engine, params = engine_of("learned", cached=cached)
    for name, rows in CASES.items():
        scores = engine.score(params, rows)
        expected = reference_sums(params, rows)
        np.testing.assert_allclose(scores.sums, expected, atol=1e-5, rtol=0, err_msg=name)
        if name != "one row" and len(rows) % 4 == 0:
            questions = [4] * (len(rows) // 4)
            assert choose(scores.sums, questions).best.tolist() == choose(expected, questions).best.tolist(), name
        assert scores.truncated.all() == (name == "too long")


def test_every_token_has_its_log_probability_and_the_likeliest_in_its_place():
    engine, params = engine_of("learned")
    rows = Rows.of(random_rows(5, 30, shortest=2), [1] * 5)
    scores = engine.score(params, rows)
    for row in range(len(rows)):
        tokens = rows.tokens.row(row).tolist()
        found = log_probabilities(params, tokens[:-1])
        np.testing.assert_allclose(scores.log_probs.row(row), found[range(len(tokens) - 1), tokens[1:]], atol=1e-5)
        assert scores.best_ids.row(row).tolist() == found.argmax(axis=-1).tolist()
        greedy = [tokens[0], *scores.best_ids.row(row)[:1].tolist()]
        assert engine.score(params, Rows.of([greedy], [1])).greedy.tolist() == [True]
    assert not scores.greedy.any()


@pytest.mark.parametrize("kind", ["learned", "rotary", "nnx"])
def test_sharing_changes_nothing(kind):
    rows = mixed_rows(29)
    model, params = small_model(kind)
    alone = dataclasses.replace(model, init_cache_fn=None, extend_fn=None)
    shared = Engine(model, token_budget=512, max_shapes=3).score(params, rows)
    expected = Engine(alone, token_budget=512, max_shapes=3).score(params, rows)
    np.testing.assert_allclose(shared.sums, expected.sums, atol=1e-5, rtol=0)
    assert shared.best_ids.values.tolist() == expected.best_ids.values.tolist()
    assert shared.work.tokens == expected.work.tokens
    assert shared.work.read_tokens < expected.work.read_tokens < shared.work.tokens


def test_inputs_are_encoded_once():
    model, params = small_model("encoder_decoder")
    rows = mixed_rows(12, with_inputs=True)
    scores = Engine(model, token_budget=512, max_shapes=3).score(params, rows)
    for row in (0, 5, 11):
        tokens, inputs = rows.tokens.row(row), rows.inputs.row(row)
        memory = model.memory(params, inputs[None], np.array([len(inputs)], np.int32))
        logits = np.asarray(model.logits(params, model.outputs(params, memory, tokens[None, :-1]))[0], np.float64)
        said = logits - np.log(np.exp(logits).sum(axis=-1, keepdims=True))
        expected = [said[place - 1, tokens[place]] for place in range(rows.starts[row], rows.ends[row])]
        np.testing.assert_allclose(scores.log_probs.row(row), expected, atol=1e-5, rtol=0)
    once = int(rows.inputs.lengths[::2].sum())
    assert scores.work.read_tokens <= scores.work.tokens - once


def runtime(ladder: Ladder) -> Runtime:
    return Runtime(small_model("learned").model, DataSharding(), ladder, cache_budget=1024)


def test_neither_batches_nor_ladders_nor_order_change_scores():
    rows, params = mixed_rows(27), small_model("learned").params
    ladders = [Ladder((MAX_LENGTH,), token_budget=MAX_LENGTH * batch_size) for batch_size in (1, 3, 8)]
    ladders.append(Ladder.up_to(MAX_LENGTH, token_budget=300, max_shapes=3))
    found = [score_rows(runtime(ladder), params, rows) for ladder in ladders]
    order = np.random.default_rng(0).permutation(len(rows))
    shuffled = Rows.of([rows.tokens.row(row) for row in order], rows.starts[order])
    again = score_rows(runtime(ladders[2]), params, shuffled)
    for scores in found[1:]:
        np.testing.assert_allclose(scores.sums, found[0].sums, atol=1e-5, rtol=0)
    np.testing.assert_allclose(again.sums, found[0].sums[order], atol=1e-5, rtol=0)


@pytest.mark.parametrize("cached", [True, False], ids=["cached", "uncached"])
def test_nothing_is_compiled_twice(cached):
    engine, params = engine_of("learned", cached=cached)
    first = engine.score(params, mixed_rows(30))
    assert engine.compiles == first.work.compiles <= first.work.shapes
    again = engine.score(jax.tree.map(lambda leaf: leaf * 0.5, params), mixed_rows(30))
    assert again.work.compiles == 0 and engine.compiles == first.work.compiles
    assert not np.allclose(again.sums, first.sums)


@pytest.mark.parametrize("cached", [True, False], ids=["cached", "uncached"])
def test_one_token_choices_and_equal_rows_are_read_once(cached):
    engine, params = engine_of("learned", cached=cached)
    scores = engine.score(params, Rows.of([[5, 6, 7, choice] for choice in (8, 9, 8, 10)], [3] * 4))
    assert (scores.work.tokens, scores.work.read_tokens, scores.work.logit_positions) == (12, 3, 1)
    assert scores.sums[0] == scores.sums[2]
    assert choose(scores.sums, [4]).num_best.tolist() in ([1], [2])


def test_a_long_document_is_scored_in_windows():
    engine, params = engine_of("learned")
    documents = Rows.of([[1, *row] for row in random_rows(3, 200, shortest=2, seed=5)], [1] * 3)
    windows, sources = sliding_windows(documents, MAX_LENGTH, 20)
    scores = engine.score(params, windows).joined(sources)
    assert scores.counts.tolist() == documents.counts.tolist()
    expected = np.zeros(3)
    np.add.at(expected, sources, reference_sums(params, windows))
    np.testing.assert_allclose(scores.sums, expected, atol=1e-4)
    assert perplexity(scores.sums, scores.counts) == pytest.approx(np.exp(-expected.sum() / documents.counts.sum()))


@pytest.mark.parametrize("kind", ["learned", "encoder_decoder"])
def test_no_rows(kind):
    engine, params = engine_of(kind)
    scores = engine.score(params, Rows.of([], [], inputs=[] if kind == "encoder_decoder" else None))
    assert len(scores) == 0 and scores.sums.tolist() == [] and scores.greedy.tolist() == []
    assert len(scores.joined(np.zeros(0, np.int64))) == 0
    assert engine.compiles == 0


def test_rows_that_the_model_cannot_take():
    engine, params = engine_of("learned")
    with pytest.raises(RowError, match=r"Row 1 of 2: tokens\[2\] is 37"):
        engine.score(params, Rows.of([[1, 2], [1, 2, VOCAB_SIZE]], [1, 1]))
    with pytest.raises(RowError, match="Row 0 of 1: its span has 65 tokens, and the model takes 64"):
        engine.score(params, Rows.of([[1] * 66], [1]))
    with pytest.raises(RowError, match="The rows have inputs, and the model has no encoder"):
        engine.score(params, Rows.of([[1, 2]], [1], inputs=[[1]]))
    assert engine.compiles == 0


def test_parameters_that_do_not_fit():
    engine, params = engine_of("learned")
    less = {"params": {name: value for name, value in params["params"].items() if name != "final_norm"}}
    with pytest.raises(ModelError, match="final_norm"):
        engine.score(less, Rows.of([[1, 2]], [1]))


def model_of(logit_of) -> Model:
    """A model whose logits are a function of the last token and the id."""

    def apply(params, tokens):
        return params * logit_of(tokens[..., None], jnp.arange(10)[None, None])

    return Model(apply, vocab_size=10, max_length=16)


@pytest.mark.parametrize(
    ("bad", "found"), [(jnp.nan, "nan"), (jnp.inf, "nan"), (-jnp.inf, "-inf")], ids=["nan", "inf", "impossible"]
)
def test_log_probabilities_that_are_not_finite(bad, found):
    model = model_of(lambda token, ids: jnp.where((token == 7) & (ids == 3), bad, 0.0 * ids))
    rows = Rows.of([[1, 2, 3], [1, 7, 3], [7, 3]], [1, 1, 1])
    with pytest.raises(ModelError, match=rf"Row 1 of 3: the log-probability of its token 2 \(id 3\) is {found}; 2 of"):
        Engine(model).score(1.0, rows)


def test_logits_may_be_impossible_where_nobody_asks():
    model = model_of(lambda token, ids: jnp.where(ids > 4, -jnp.inf, 0.0 * token))
    scores = Engine(model).score(1.0, Rows.of([[1, 2, 3]], [1]))
    np.testing.assert_allclose(scores.sums, [-2 * np.log(5)], atol=1e-6)


def test_logits_wider_than_the_vocabulary_and_in_bfloat16():
    def apply(params, tokens):
        return jnp.broadcast_to(params, (*tokens.shape, 16)).astype(jnp.bfloat16)

    model = Model(apply, vocab_size=10, max_length=8)
    logits = np.linspace(-3, 3, 16).astype(jnp.bfloat16).astype(np.float64)
    scores = Engine(model).score(logits, Rows.of([[1, 2, 3]], [1]))
    expected = (logits - np.log(np.exp(logits).sum()))[[2, 3]]
    np.testing.assert_allclose(scores.log_probs.values, expected, atol=1e-6)
    assert scores.log_probs.values.dtype == np.float32 and scores.sums.dtype == np.float64
    assert scores.best_ids.values.tolist() == [15, 15]


def test_ties_go_to_the_lowest_id():
    model = model_of(lambda token, ids: jnp.where(ids % 5 == 2, 1.0, 0.0 * token))
    scores = Engine(model).score(1.0, Rows.of([[1, 2], [1, 7]], [1, 1]))
    assert scores.best_ids.values.tolist() == [2, 2]
    assert scores.greedy.tolist() == [True, False]


def test_more_logits_than_fit_at_a_time():
    """1,022 positions of 70,000 ids are 286 MB, and are made in parts."""
    hidden = Model(
        lambda params, tokens: tokens[..., None].astype(jnp.float32),
        unembed_fn=lambda params, said: -abs(said - params[None, None]) / 1000,
        vocab_size=70_000,
        max_length=512,
    )
    generator = np.random.default_rng(0)
    rows = Rows.of(generator.integers(0, 70_000, (2, 512)).tolist(), [1, 1])
    scores = Engine(hidden, token_budget=1024).score(np.arange(70_000, dtype=np.float32), rows)
    for row in range(2):
        tokens = rows.tokens.row(row)
        for place in (1, 255, 256, 511):
            logits = -abs(int(tokens[place - 1]) - np.arange(70_000.0)) / 1000
            expected = logits[tokens[place]] - np.log(np.exp(logits).sum())
            np.testing.assert_allclose(scores.log_probs.row(row)[place - 1], expected, atol=2e-4)
    assert scores.best_ids.values.tolist() == [*rows.tokens.row(0)[:-1].tolist(), *rows.tokens.row(1)[:-1].tolist()]


def test_scoring_compiles_into_the_functions_it_is_given():
    functions = CompiledFunctions()
    where = Runtime(small_model("learned").model, DataSharding(), Ladder((16, 64)), 1024, functions)
    score_rows(where, small_model("learned").params, Rows.of([[1, 2]], [1]))
    assert functions.compiles == 1
