from __future__ import annotations

import asyncio
import math
import os
import signal
import threading

import numpy as np
import pytest

from evalkit.errors import ArgumentError, ArgumentTypeError, SamplingError
from evalkit.evaluation.verdicts import Endings
from evalkit.inference.sampling import SamplingParams
from evalkit.sampling import LiveModelClient, SampledSequence, SampleResponse, predict_fn_of, predict_with_aux_fn_of
from tests.inference.models import random_rows, small_model
from tests.sampling.clients import GREEDY, Counting, Letters, engine


def prefix_dataset(rows):
    """What a converter of a prefix language model makes: BOS and the inputs, then targets."""
    found = []
    for index, row in enumerate(rows):
        tokens = np.array([1, *row, 5, 6])
        prefix = np.arange(len(tokens)) <= len(row)
        found.append((index, {"decoder_input_tokens": tokens, "decoder_causal_attention": prefix}))
    return found


ROWS = random_rows(12, 20, shortest=3)


def test_predictions_are_those_of_the_engine():
    params = small_model("rotary").params
    sampling = SamplingParams(6, temperature=0.9, seed=3)
    dataset = prefix_dataset(ROWS)
    wanted, wanted_aux = engine().predict_with_aux_fn(params, sampling)(dataset)
    client = LiveModelClient(engine(), params)
    pairs, aux = predict_with_aux_fn_of(client, sampling)(dataset[::-1])
    assert pairs == wanted
    assert aux["finish_reasons"] == wanted_aux["finish_reasons"]
    assert aux["scores"] == pytest.approx(wanted_aux["scores"], abs=1e-4)
    asyncio.run(client.aclose())


def test_with_a_vocabulary_prompts_and_predictions_are_texts():
    client = Counting()
    pairs = predict_fn_of(client, GREEDY, Letters())(prefix_dataset([[2, 3], [4]]))
    assert pairs == [(0, "CD/0"), (1, "E/1")]


def test_of_an_encoder_decoder_the_inputs_are_asked():
    features = {"encoder_input_tokens": np.array([2, 3, 0]), "decoder_input_tokens": np.array([0, 4])}
    assert predict_fn_of(Counting(), GREEDY, Letters())([(0, features)]) == [(0, "CD/0")]


def test_filler_is_dropped_and_no_examples_are_no_pairs():
    dataset = prefix_dataset([[2]])
    assert len(predict_fn_of(Counting(), GREEDY)([*dataset, (-1, dataset[0][1])])) == 1
    assert predict_fn_of(Counting(), GREEDY)([]) == []


def test_no_more_than_so_many_are_asked_at_a_time():
    class Watched(Counting):
        now = most = 0

        async def sample(self, prompt, sampling, *, example=0):
            self.now += 1
            self.most = max(self.most, self.now)
            try:
                return await super().sample(prompt, sampling, example=example)
            finally:
                self.now -= 1

    client = Watched(pause_s=0.005)
    predict_fn_of(client, GREEDY, max_concurrent=3)(prefix_dataset(ROWS))
    assert client.most == 3 and len(client.asked) == len(ROWS)


def test_a_failure_says_which_example():
    client = Counting()
    client.failing = lambda prompt: prompt == "E"
    with pytest.raises(ValueError, match="refused 'E'") as caught:
        predict_fn_of(client, GREEDY, Letters())(prefix_dataset([[2], [4]]))
    assert "example 1 of 2" in caught.value.__notes__[0]


class _Refusing(Counting):
    """Refuses what has an E, and cuts what has a D."""

    async def sample(self, prompt, sampling, *, example=0):
        if "E" in prompt:
            raise SamplingError("refused by a filter")
        response = await super().sample(prompt, sampling, example=example)
        return SampleResponse(response.sequences, response.prompt_tokens, truncated="D" in prompt)


def test_an_example_that_fails_may_be_counted():
    dataset = prefix_dataset([[2], [4], [3]])
    pairs, aux = predict_with_aux_fn_of(_Refusing(), GREEDY, Letters(), on_error="count")(dataset)
    assert pairs == [(0, "C/0"), (1, ""), (2, "D/2")]
    assert aux["finish_reasons"] == ["stop", "error", "stop"]
    assert aux["errors"] == ["", "SamplingError: refused by a filter", ""]
    assert aux["log_probs"][1] == [] and math.isnan(aux["scores"][1]) and aux["scores"][0] < 0
    endings = Endings.of(np.zeros(3, bool), aux)
    assert endings.failed.tolist() == [False, True, False] and endings.cut.tolist() == [False, False, True]
    with pytest.raises(SamplingError, match="refused by a filter"):
        predict_with_aux_fn_of(_Refusing(), GREEDY, Letters())(dataset)


def test_what_is_wrong_with_the_evaluation_is_not_counted():
    client = LiveModelClient(engine(), small_model("rotary").params, Letters())
    predict = predict_with_aux_fn_of(client, SamplingParams(1000), on_error="count")
    with pytest.raises(ArgumentError, match="leaves no room"):
        predict(prefix_dataset([[2]]))
    no_text = LiveModelClient(engine(), small_model("rotary").params)
    ids = predict_with_aux_fn_of(no_text, GREEDY, on_error="count")(prefix_dataset([[2], [10**9]]))
    assert ids[0][1] == (1, []) and "prompt[1] is 1000000000" in ids[1]["errors"][1]


def test_an_interrupt_ends_it_at_once():
    class Interrupting(Counting):
        async def sample(self, prompt, sampling, *, example=0):
            if len(self.asked) == 3:
                os.kill(os.getpid(), signal.SIGINT)
            return await super().sample(prompt, sampling, example=example)

    client = Interrupting(pause_s=0.2)
    with pytest.raises(KeyboardInterrupt):
        predict_fn_of(client, GREEDY, max_concurrent=1)(prefix_dataset([[2]] * 100))
    assert len(client.asked) < 10
    assert not [thread for thread in threading.enumerate() if thread.name == "evalkit-predict"]


def test_text_alone_needs_a_vocabulary():
    class TextOnly(Counting):
        async def sample(self, prompt, sampling, *, example=0):
            return SampleResponse((SampledSequence(None, "text", None, "stop"),))

    with pytest.raises(SamplingError, match="Pass a vocabulary"):
        predict_fn_of(TextOnly(), GREEDY)(prefix_dataset([[2]]))
    pairs, aux = predict_with_aux_fn_of(TextOnly(), GREEDY, Letters())(prefix_dataset([[2]]))
    assert pairs == [(0, "text")] and aux == {"finish_reasons": ["stop"], "truncated": [False]}


def test_it_may_be_called_where_an_event_loop_runs():
    async def run():
        return predict_fn_of(Counting(), GREEDY, Letters())(prefix_dataset([[2]]))

    assert asyncio.run(run()) == [(0, "C/0")]


def test_arguments_are_checked():
    with pytest.raises(ArgumentError, match="one answer to each example"):
        predict_fn_of(Counting(), SamplingParams(4, num_samples=2))
    with pytest.raises(ArgumentError, match="max_concurrent"):
        predict_fn_of(Counting(), GREEDY, max_concurrent=0)
    with pytest.raises(ArgumentError, match="on_error must be 'raise' or 'count', found 'skip'"):
        predict_with_aux_fn_of(Counting(), GREEDY, on_error="skip")
    with pytest.raises(ArgumentTypeError, match="no encode_batch"):
        predict_fn_of(Counting(), GREEDY, "vocabulary")
