"""Answers do not depend on how they were batched, and say why they ended."""

from __future__ import annotations

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from evalkit.inference.generation import generate_answers
from evalkit.inference.prompts import Prompts
from evalkit.inference.sampling import SamplingParams
from evalkit.inference.scoring import score_rows
from evalkit.inference.spans import Rows
from tests.inference.generating import (
    GREEDY,
    SAMPLED,
    answers,
    follower,
    on_several_devices,
    prompts_for,
    runtime,
    with_an_encoder,
)
from tests.inference.models import KINDS, padded, random_rows, small_model
from tests.inference.processes import Raised, run_in_turn, run_processes

HERE = "tests.inference.generating"
ONE = jnp.float32(30)


def brute_force(model, params, prompt, max_new):
    """Greedy, one row at a time, the whole row again for each token; and the logits of each."""
    row, logits = list(prompt), []
    run = jax.jit(lambda tokens: model.logits(params, model.outputs(params, None, tokens)))
    while len(row) < len(prompt) + max_new:
        logits.append(np.asarray(run(padded([row], model.max_length)))[0, len(row) - 1])
        row.append(int(logits[-1][: model.vocab_size].argmax()))
        if row[-1] in model.eos_ids:
            break
    return row[len(prompt) :], logits


@pytest.mark.parametrize("kind", ["learned", "rotary"])
def test_with_a_cache_as_by_computing_all_again_for_100_prompts(kind):
    model, params = small_model(kind)
    prompts = prompts_for(model, 100, 44)
    cached = generate_answers(runtime(model), params, prompts, SamplingParams(20))
    without = dataclasses.replace(model, init_cache_fn=None, extend_fn=None)
    again = generate_answers(runtime(without), params, prompts, SamplingParams(20))
    assert answers(cached) == answers(again)
    np.testing.assert_allclose(cached.log_probs.values, again.log_probs.values, atol=1e-4)
    assert cached.finish_reasons == again.finish_reasons
    assert set(cached.finish_reasons) == {"stop", "length"}
    for row in range(0, 100, 25):
        tokens, logits = brute_force(model, params, prompts.tokens.row(row), 20)
        assert answers(cached)[row] == tokens
        expected = [step[token] - jax.nn.logsumexp(step) for step, token in zip(logits, tokens, strict=True)]
        np.testing.assert_allclose(cached.log_probs.row(row), np.array(expected), atol=1e-4)


@pytest.mark.parametrize("kind", ["learned", "rotary"])
def test_logits_of_decoding_are_those_of_the_whole_row(kind):
    model, params = small_model(kind)
    rows = random_rows(100, 40, seed=11, shortest=2)
    lengths = np.array([len(row) for row in rows])
    tokens = padded(rows, model.max_length)
    whole = model.logits(params, jax.jit(model.outputs, static_argnums=1)(params, None, tokens))
    cache = model.init_cache(100, model.max_length)
    _, cache = jax.jit(lambda *a: model.extend(params, None, *a))(cache, tokens[:, :20], np.zeros(100, np.int32))
    step = jax.jit(lambda *a: model.extend(params, None, *a))
    for place in range(20, 40):
        outputs, cache = step(cache, tokens[:, place : place + 1], np.full(100, place, np.int32))
        there = lengths > place
        found = np.asarray(model.logits(params, outputs[:, 0]))
        np.testing.assert_allclose(found[there], np.asarray(whole[:, place])[there], atol=1e-4)


@pytest.mark.parametrize(
    ("kind", "cached"), [*((kind, True) for kind in KINDS), ("learned", False), ("encoder_decoder", False)]
)
def test_batches_ladders_and_order_change_nothing(kind, cached):
    model, params = small_model(kind, cached=cached)
    prompts = prompts_for(model, 20)
    order = np.random.default_rng(0).permutation(20)
    inputs = None if prompts.inputs is None else [prompts.inputs.row(index) for index in order]
    shuffled = Prompts.of([prompts.tokens.row(index) for index in order], inputs, order)

    rows = 2 * 64 if model.has_encoder else 64
    one, *others = [runtime(model, rows * count, lengths=(64,)) for count in (1, 3, 8)]
    others.append(runtime(model, lengths=(20, 64)))
    for rules in (GREEDY, SAMPLED):
        expected = answers(generate_answers(one, params, prompts, rules))
        assert len({tuple(row) for row in expected}) > 10
        for other in others:
            assert answers(generate_answers(other, params, prompts, rules)) == expected
        found = answers(generate_answers(others[-1], params, shuffled, rules))
        k = rules.num_samples
        assert found == [expected[index * k + sample] for index in order for sample in range(k)]


def test_any_number_of_devices_gives_the_same_answers():
    [found] = run_processes(f"{HERE}:{on_several_devices.__name__}", devices=8, seconds=180)
    assert all(found[count] == found["1"] for count in ("2", "4", "8"))
    model, params = small_model("rotary")
    assert found["1"]["g"] == answers(generate_answers(runtime(model), params, prompts_for(model, 13), GREEDY))


def test_any_number_of_devices_with_an_encoder():
    [found] = run_processes(f"{HERE}:{with_an_encoder.__name__}", devices=4, seconds=180)
    assert found["4"] == found["1"]


def test_two_processes_give_the_answers_of_one():
    counts = [1, 4, 7, 8, 16, 33]
    both = run_processes(f"{HERE}:as_one_of_several", counts, processes=2, devices=2, seconds=240)
    model, params = small_model("rotary")
    alone = runtime(model)
    for count in counts:
        for name, rules in (("g", GREEDY), ("s", SAMPLED)):
            expected = answers(generate_answers(alone, params, prompts_for(model, count), rules))
            assert [found[str(count)][name] for found in both] == [expected, expected]


def test_every_process_raises_where_they_disagree_or_logits_are_no_numbers():
    found = run_in_turn(f"{HERE}:other_prompts,nan_in_one", processes=2)
    for raised in found["other_prompts"]:
        assert isinstance(raised, Raised) and raised.error == "ProcessError" and "prompts" in raised.message
    for raised in found["nan_in_one"]:
        assert isinstance(raised, Raised) and raised.error == "ModelError" and "NaN" in raised.message


def test_nothing_is_compiled_again_for_other_params_and_rules():
    model, params = small_model("rotary")
    kept = runtime(model)
    first = generate_answers(kept, params, prompts_for(model, 30), SamplingParams(12))
    assert first.work.compiles > 0
    for other, rules in (
        (params, SamplingParams(12)),
        (jax.tree.map(lambda leaf: leaf * 0.9, params), SamplingParams(12)),
        (params, SamplingParams(9, temperature=1.0)),
        (params, SamplingParams(12, temperature=0.5, top_k=3, seed=9)),
        (params, SamplingParams(12, temperature=0.5, top_p=0.3, stop_ids=(4, 9))),
    ):
        assert generate_answers(kept, other, prompts_for(model, 30), rules).work.compiles == 0


def test_short_answers_take_few_steps():
    """Of 256 tokens that there may be, answers have 1 to 8, and slots are filled again as they become free."""
    model = follower(max_length=512, stop_after=100)
    prompts = Prompts.of([[93 + index % 8] for index in range(16)])
    kept = runtime(model, 256 * 16)
    found = generate_answers(kept, ONE, prompts, SamplingParams(256))
    assert answers(found) == [[*range(94 + index % 8, 101), 0] for index in range(16)]
    assert set(found.finish_reasons) == {"stop"}
    assert found.work.steps * 20 <= 256
    more = Prompts.of([[93 + index % 8] for index in range(160)])
    refilled = generate_answers(kept, ONE, more, SamplingParams(256))
    assert refilled.work.steps <= 160 / 16 * 8 * 0.75
    assert refilled.work.occupancy > 0.8


def test_a_prompt_is_read_once_for_all_its_samples():
    model, params = small_model("rotary")
    prompts = Prompts.of(random_rows(6, 30, seed=1, shortest=20))
    once = generate_answers(runtime(model), params, prompts, SamplingParams(8, temperature=1.0))
    often = generate_answers(runtime(model), params, prompts, SamplingParams(8, temperature=1.0, num_samples=5))
    assert often.work.prompt_tokens == once.work.prompt_tokens == int(prompts.tokens.lengths.sum()) - 6
    assert [answers(often)[index * 5] for index in range(6)] == answers(once)
    assert len({tuple(row) for row in answers(often)}) > 20


def test_equal_prompts_are_answered_by_independent_streams():
    model, params = small_model("rotary")
    flat = jax.tree.map(lambda leaf: leaf * 0, params)
    found = generate_answers(runtime(model), flat, Prompts.of([[3, 4]] * 8), SamplingParams(10, temperature=1.0))
    assert len({tuple(row) for row in answers(found)}) == 8


def test_log_probs_are_those_of_scoring():
    model, params = small_model("learned")
    prompts = prompts_for(model, 12)
    found = generate_answers(runtime(model), params, prompts, SAMPLED)
    pairs = [(prompts.tokens.row(row // 2).tolist(), answer) for row, answer in enumerate(answers(found))]
    rows = Rows.of([prompt + answer for prompt, answer in pairs], [len(prompt) for prompt, _ in pairs])
    scores = score_rows(runtime(model), params, rows)
    np.testing.assert_allclose(found.log_probs.values, scores.log_probs.values, atol=1e-4)
