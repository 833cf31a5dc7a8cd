"""Which requests go together, and in what order."""

from __future__ import annotations

import pytest

from evalkit.inference.sampling import SamplingParams
from evalkit.sampling.client import SampleRequest
from evalkit.sampling.waiting import Waiting, WaitingRequests

FEW, MANY, DOUBLE = SamplingParams(1), SamplingParams(2), SamplingParams(3, num_samples=2)


def waiting_of(*groups, linger_s=0.0):
    waiting = WaitingRequests(4, linger_s)
    for sampling, count in groups:
        for _ in range(count):
            waiting.add(Waiting(SampleRequest((1,), sampling)))
    return waiting


def taken(waiting):
    batch = waiting.take()
    return batch[0].request.sampling, len(batch)


@pytest.mark.parametrize("full", [(MANY, 4), (DOUBLE, 2)])
def test_a_full_batch_does_not_wait_behind_one_that_is_not(full):
    assert taken(waiting_of((FEW, 1), full, linger_s=60.0)) == full  # at once


def test_what_is_passed_over_once_comes_next():
    waiting = waiting_of((FEW, 1), (MANY, 8))
    assert [taken(waiting) for _ in range(3)] == [(MANY, 4), (FEW, 1), (MANY, 4)]
    assert waiting.take() == []
