import numpy as np
import pytest

from evalkit.errors import ArgumentError, ArgumentTypeError
from evalkit.inference.sampling import SamplingParams
from evalkit.sampling.client import SampledSequence, SampleRequest, SampleResponse

SAMPLING = SamplingParams(4)


def test_a_sequence_has_something_in_it():
    with pytest.raises(ArgumentError, match="tokens, or text"):
        SampledSequence(None, None, None, "stop")


@pytest.mark.parametrize("count", [1, 4])
def test_each_token_has_one_log_probability(count):
    with pytest.raises(ArgumentError, match=f"each of 2 tokens.* found {count}"):
        SampledSequence((1, 2), None, (-1.0,) * count, "stop")


def test_the_sum_of_log_probabilities():
    assert SampledSequence((1,), None, (-1.0, -0.5), "stop").log_prob == -1.5
    assert SampledSequence((1,), None, None, "stop").log_prob is None


def test_a_response_has_an_answer():
    with pytest.raises(ArgumentError, match="at least one sequence"):
        SampleResponse(())


def test_ids_of_numpy_are_ids():
    assert SampleRequest(np.array([3, 4]), SAMPLING, np.int64(2)) == SampleRequest((3, 4), SAMPLING, 2)


@pytest.mark.parametrize("prompt", [b"text", 7, {1, 2}])
def test_a_prompt_is_text_or_ids(prompt):
    with pytest.raises(ArgumentTypeError, match="text or a sequence of ids"):
        SampleRequest(prompt, SAMPLING, 0)


def test_ids_are_whole_and_not_negative():
    with pytest.raises(ArgumentTypeError, match=r"prompt\[1\]"):
        SampleRequest([1, 2.5], SAMPLING, 0)
    with pytest.raises(ArgumentError, match=r"prompt\[0\] must be at least 0"):
        SampleRequest([-1], SAMPLING, 0)


def test_sampling_parameters_and_examples_are_checked():
    with pytest.raises(ArgumentTypeError, match="must be SamplingParams"):
        SampleRequest("a", {"max_new_tokens": 4}, 0)
    with pytest.raises(ArgumentError, match=r"below 2\*\*31"):
        SampleRequest("a", SAMPLING, 2**31)
