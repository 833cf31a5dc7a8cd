"""What ends an answer, and what cannot be answered."""

from __future__ import annotations

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from evalkit.errors import ArgumentError, ModelError, RowError
from evalkit.inference.generation import generate_answers
from evalkit.inference.prompts import Prompts
from evalkit.inference.sampling import SamplingParams
from tests.inference.generating import GREEDY, SAMPLED, answers, follower, letters, prompts_for, runtime
from tests.inference.models import small_model

ONE = jnp.float32(30)


def test_what_ends_an_answer():
    prompts = Prompts.of([[0, 3, 0, 5], [9]])  # EOS in a prompt stops nothing
    found = generate_answers(runtime(follower()), ONE, prompts, SamplingParams(4, stop_ids=(7, 11)))
    assert answers(found) == [[6, 7], [10, 11]]
    assert [found.answers.row(row).tolist() for row in range(2)] == [[6], [10]]
    assert found.answer_lengths.tolist() == [1, 1]
    assert found.finish_reasons == ("stop", "stop")
    limited = generate_answers(runtime(follower()), ONE, prompts, SamplingParams(2, stop_ids=(7,)))
    assert answers(limited) == [[6, 7], [10, 11]]
    assert limited.finish_reasons == ("stop", "length")
    assert limited.texts is None


@pytest.mark.parametrize("slots", [32, 512])
def test_stop_strings_end_an_answer_wherever_tokens_begin(slots):
    prompts = Prompts.of([[0], [20], [1], [44]])

    def two_each(ids):
        return "".join(letters([token, token]) for token in ids)

    rules = SamplingParams(20, stop_strings=("LM", "XXY", "ZZZ"))
    found = generate_answers(runtime(follower(), slots), ONE, prompts, rules, two_each)
    assert found.texts == ("BBCCDDEEFFGGHHIIJJKKL", "VVWW", "CCDDEEFFGGHHIIJJKKL", two_each(range(45, 65)))
    assert answers(found) == [list(range(1, 13)), [21, 22, 23, 24], list(range(2, 13)), list(range(45, 65))]
    assert found.finish_reasons == ("stop", "stop", "stop", "length")
    assert found.log_probs.lengths.tolist() == found.tokens.lengths.tolist()
    assert found.work.new_tokens == found.tokens.lengths.sum()


def test_a_stop_id_is_not_in_the_text():
    found = generate_answers(runtime(follower(stop_after=6)), ONE, Prompts.of([[3]]), SamplingParams(9), letters)
    assert (answers(found), found.texts) == ([[4, 5, 6, 0]], ("EFG",))


def test_of_a_long_prompt_the_tail_is_read():
    seen = follower(max_length=16)
    prompts = Prompts.of([[*range(90, 110)], [*range(30, 39)], [*range(30, 40)]])
    found = generate_answers(runtime(seen), ONE, prompts, SamplingParams(8, stop_ids=(110,)))
    assert found.truncated.tolist() == [True, False, True]
    assert answers(found)[1:] == [[*range(39, 47)], [*range(40, 48)]]
    assert found.work.prompt_tokens == 3 * 8


def test_padded_logits_are_never_chosen_and_count_in_the_softmax():
    def apply(params, tokens):
        return jnp.broadcast_to(params[None, None], (*tokens.shape, 8))

    wide = follower(vocab_size=5, eos_ids=())
    model = dataclasses.replace(wide, apply_fn=apply)
    logits = jnp.array([0.0, 1.0, 0.0, 0.0, 0.0, 9.0, 9.0, 9.0])
    for rules in (SamplingParams(8), SamplingParams(8, temperature=2.0, num_samples=20)):
        found = generate_answers(runtime(model), logits, Prompts.of([[1]]), rules)
        assert found.tokens.values.max() < 5
        np.testing.assert_allclose(found.log_probs.values, jax.nn.log_softmax(logits)[found.tokens.values], atol=1e-5)


def test_an_empty_prompt_is_bos():
    model = follower(bos_id=4)
    found = generate_answers(runtime(model), ONE, Prompts.of([[], [4], [7], []]), SamplingParams(2))
    assert answers(found) == [[5, 6], [5, 6], [8, 9], [5, 6]]


@pytest.mark.parametrize("count", [0, 1])
def test_none_and_one(count):
    for kind in ("rotary", "encoder_decoder"):
        model, params = small_model(kind)
        found = generate_answers(runtime(model), params, prompts_for(model, count), SAMPLED, letters)
        assert (len(found), len(found.texts)) == (2 * count, 2 * count)
        assert found.work.occupancy > 0


def test_logits_that_are_no_numbers_name_the_example():
    def apply(params, tokens):
        return jnp.where(tokens[..., None] == 8, jnp.nan, follower().apply_fn(params, tokens))

    model = dataclasses.replace(follower(), apply_fn=apply)
    prompts = Prompts.of([[20], [5]], examples=[7, 3])
    with pytest.raises(ModelError, match=r"Prompt 1 of 2 \(example 3\): the logits for its new token 3 are NaN"):
        generate_answers(runtime(model), ONE, prompts, SamplingParams(9))


@pytest.mark.parametrize(
    ("prompts", "rules", "error", "message"),
    [
        (Prompts.of([[1], [2, 120]]), GREEDY, RowError, r"Row 1 of 2: tokens\[1\] is 120"),
        (Prompts.of([[1], []]), GREEDY, RowError, "Prompt 1 of 2 is empty, and the model has no bos_id"),
        (Prompts.of([[1]], [[1]]), GREEDY, RowError, "prompts have inputs, and the model has no encoder"),
        (Prompts.of([[1]]), SamplingParams(33), ArgumentError, "max_new_tokens = 33 leaves no room for a prompt"),
        (Prompts.of([[1]]), SamplingParams(4, stop_ids=(120,)), ArgumentError, r"stop_ids\[0\] is 120"),
        (Prompts.of([[1]]), SamplingParams(4, stop_strings=("a",)), ArgumentError, "give decode_fn"),
    ],
)
def test_what_cannot_be_generated_is_refused(prompts, rules, error, message):
    with pytest.raises(error, match=message):
        generate_answers(runtime(follower()), ONE, prompts, rules)


def test_an_encoder_needs_inputs():
    model, params = small_model("encoder_decoder")
    with pytest.raises(RowError, match="prompts have no inputs, and the model has an encoder"):
        generate_answers(runtime(model), params, Prompts.of([[1]]), GREEDY)
    with pytest.raises(RowError, match="Prompt 1 of 2 has no inputs to encode"):
        generate_answers(runtime(model), params, Prompts.of([[1], [1]], [[3], []]), GREEDY)


def test_prompts_check_themselves():
    with pytest.raises(RowError, match="as many inputs as prompts, 1; found 2"):
        Prompts.of([[1]], [[1], [2]])
    with pytest.raises(RowError, match="as many examples as prompts, 1; found 2"):
        Prompts.of([[1]], examples=[0, 1])
    with pytest.raises(RowError, match="Prompt 1 is of example -1"):
        Prompts.of([[1], [2]], examples=[0, -1])
