"""The functions that an Evaluator calls to have examples answered."""

from __future__ import annotations

import jax.numpy as jnp
import numpy as np
import pytest

from evalkit.errors import ArgumentError, FeatureError
from evalkit.inference.engine import Engine
from evalkit.inference.feature_prompts import prompts_of_features
from evalkit.inference.prompts import Prompts
from evalkit.inference.sampling import SamplingParams
from tests.inference.generating import answers, follower, letters
from tests.inference.models import small_model

ONE = jnp.float32(30)


class Enumerated:
    """As much of a dataset as is asked of one."""

    def __init__(self, *examples):
        self.examples = examples

    def as_numpy_iterator(self):
        return iter(self.examples)


def prefix_lm(prefix, targets, length=12):
    row = [*prefix, *targets]
    return {
        "decoder_input_tokens": np.array([0, *row, *[0] * length][:length], np.int32),
        "decoder_target_tokens": np.array([*row, *[0] * length][:length], np.int32),
        "decoder_causal_attention": np.array([*[1] * (len(prefix) + 1), *[0] * length][:length], np.int32),
    }


def test_a_prefix_language_model_continues_the_inputs():
    engine = Engine(follower(stop_after=9))
    dataset = Enumerated(
        (np.int64(5), prefix_lm([3, 6], [50, 51])), (-1, prefix_lm([2], [7])), (2, prefix_lm([9], [8]))
    )
    assert engine.predict_fn(ONE)(dataset) == [(5, [7, 8, 9]), (2, [])]
    assert engine.predict_fn(ONE, SamplingParams(2))(dataset) == [(5, [7, 8]), (2, [])]
    pairs, values = engine.predict_with_aux_fn(ONE, SamplingParams(2))(dataset)
    assert pairs == [(5, [7, 8]), (2, [])]
    assert [len(row) for row in values["log_probs"]] == [2, 1]
    assert values["scores"] == pytest.approx([0, 0], abs=1e-5)
    assert values["finish_reasons"] == ["length", "stop"]


def test_by_default_there_are_as_many_tokens_as_the_features_have_room_for():
    engine = Engine(follower())
    found = engine.predict_fn(ONE)([(0, prefix_lm([3], [4])), (1, prefix_lm([3, 30, 60], [4]))])
    assert [len(answer) for _, answer in found] == [9, 9]  # 12 targets, of which 3 are inputs
    assert Engine(follower(max_length=8)).predict_fn(ONE)([(1, prefix_lm([3, 30, 60], [4]))]) == [
        (1, [61, 62, 63, 64, 65])
    ]


def test_a_language_model_begins_with_bos_and_an_encoder_has_the_inputs():
    features = {"decoder_input_tokens": np.array([5, 60, 61])}
    assert Engine(follower()).predict_fn(ONE)([(0, features)]) == [(0, [6, 7, 8])]

    model, params = small_model("encoder_decoder")
    engine = Engine(model)
    examples = [
        (index, {"encoder_input_tokens": np.array([*row, 0, 0]), "decoder_input_tokens": np.array([1, 9, 9, 9])})
        for index, row in enumerate([[3, 4, 5], [7, 0, 8, 9]])
    ]
    expected = engine.generate(params, Prompts.of([[1], [1]], [[3, 4, 5], [7, 0, 8, 9]]), SamplingParams(4))
    assert engine.predict_fn(params)(examples) == [
        (0, expected.answers.row(0).tolist()),
        (1, expected.answers.row(1).tolist()),
    ]


def test_draws_belong_to_the_index_of_an_example():
    model, params = small_model("rotary")
    engine, rules = Engine(model), SamplingParams(6, temperature=3.0, seed=4)
    alike = [(index, prefix_lm([3, 4], [5])) for index in range(6)]
    found = engine.predict_fn(params, rules)(alike)
    assert len({tuple(answer) for _, answer in found}) == 6
    assert sorted(engine.predict_fn(params, rules)(alike[::-1])) == found
    assert engine.predict_fn(params, rules)(alike[3:]) == found[3:]
    compiles = engine.compiles
    engine.predict_fn(params, SamplingParams(6, temperature=1.0, top_p=0.5))(alike)
    assert engine.compiles == compiles


def test_stop_strings_and_no_examples():
    engine = Engine(follower())
    rules = SamplingParams(9, stop_strings=("FG",))
    assert engine.predict_fn(ONE, rules, letters)([(0, prefix_lm([3], []))]) == [(0, [4, 5, 6])]
    assert engine.predict_with_aux_fn(ONE)([]) == (
        [],
        {"log_probs": [], "scores": [], "finish_reasons": [], "truncated": []},
    )


def test_one_answer_to_each_example():
    with pytest.raises(ArgumentError, match="one answer to each example; num_samples is 3"):
        Engine(follower()).predict_fn(ONE, SamplingParams(4, num_samples=3))


@pytest.mark.parametrize(
    ("features", "message"),
    [
        ({"targets": np.array([1])}, r"Example 4 has no feature 'decoder_input_tokens'.*it has \['targets'\]"),
        ({"decoder_input_tokens": np.zeros((2, 2))}, r"decoder_input_tokens must be \[length\].* found shape \(2, 2\)"),
        ({"decoder_input_tokens": np.zeros(0)}, "at least 1"),
        (
            {"decoder_input_tokens": np.zeros(2), "decoder_causal_attention": np.ones(3)},
            "must be of one length; found 2 and 3",
        ),
        ({"decoder_input_tokens": np.zeros(2), "decoder_segment_ids": np.array([1, 2])}, "Example 4 is packed"),
    ],
)
def test_features_that_have_no_prompt(features, message):
    with pytest.raises(FeatureError, match=message):
        prompts_of_features([(4, features)])


def test_some_examples_without_inputs():
    plain = {"decoder_input_tokens": np.zeros(2, int)}
    with pytest.raises(FeatureError, match="encoder_input_tokens is a feature of 1 of 2 examples"):
        prompts_of_features([(0, plain), (1, plain | {"encoder_input_tokens": np.ones(2, int)})])


def test_answers_of_the_engine_are_those_of_generation():
    model, params = small_model("nnx")
    found = Engine(model).generate(params, Prompts.of([[3], [4]]), SamplingParams(5), letters)
    assert [letters(row) for row in found.answers.values.reshape(1, -1)] == ["".join(found.texts)]
    assert len(answers(found)) == 2
