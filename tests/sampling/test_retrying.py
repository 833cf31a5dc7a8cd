"""When an endpoint is asked again, and after how long."""

from __future__ import annotations

import email.utils
import json
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evalkit.errors import ArgumentError, ArgumentTypeError, SamplingError
from evalkit.sampling import Retrying
from evalkit.sampling.endpoint_failures import asked_pause_s
from tests.sampling.asking import GOOD, SAMPLING, ask, one
from tests.sampling.server import Reply, serving

pytest.importorskip("openai", reason="needs the openai package: pip install 'evalkit[openai]'")


def test_retry_after_is_obeyed():
    busy = Reply(429, "{}", (("Retry-After", "0.5"),))
    start = time.monotonic()
    with serving(lambda number, asked: busy if number < 1 else GOOD) as served:
        (response,) = ask(served, ("2+2?", SAMPLING))
    assert response.text == "four" and time.monotonic() - start >= 0.5


def test_a_pause_that_is_too_long_is_not_made():
    error, requests = one(Reply(429, "{}", (("Retry-After", "3600"),)))
    assert isinstance(error, SamplingError) and "3600 seconds, and 2 is the longest" in str(error)
    assert len(requests) == 1


def test_retry_after_may_be_a_date():
    date = email.utils.format_datetime(email.utils.localtime())
    assert asked_pause_s({"retry-after": date}) == pytest.approx(0, abs=2)
    assert asked_pause_s({}) is asked_pause_s({"retry-after": "nan"}) is None


QUOTA = json.dumps({"error": {"message": "You exceeded your current quota", "code": "insufficient_quota"}})
LASTING = {
    "nothing left to spend": Reply(429, QUOTA),
    "it says so itself": Reply(500, "{}", (("x-should-retry", "false"),)),
}


@pytest.mark.parametrize("reply", LASTING.values(), ids=LASTING)
def test_what_does_not_pass_is_an_error_at_once(reply):
    error, requests = one(reply)
    assert isinstance(error, SamplingError) and "refuses the request" in str(error)
    assert len(requests) == 1


def test_a_pause_in_milliseconds():
    assert asked_pause_s({"retry-after-ms": "1500", "retry-after": "7"}) == 1.5
    assert asked_pause_s({"retry-after-ms": "soon", "retry-after": "7"}) == 7


@pytest.mark.parametrize("told", ["0", "Wed, 21 Oct 2015 07:28:00 GMT"])
def test_a_server_that_asks_for_no_pause_is_not_hammered(told):
    retrying = Retrying(attempts=3, first_pause_s=0.1, longest_pause_s=2.0)
    start = time.monotonic()
    error, requests = one(Reply(429, "{}", (("Retry-After", told),)), retrying=retrying)
    assert isinstance(error, SamplingError) and len(requests) == 3
    assert time.monotonic() - start >= 0.05 + 0.1


@given(st.integers(1, 9), st.floats(0, 60), st.floats(0, 1))
def test_pauses_are_long_enough_and_not_too_long(failures, asked_s, chance):
    retrying = Retrying()
    pause = retrying.pause_s(failures, asked_s, chance)
    assert max(asked_s, retrying.pause_s(failures, None, chance)) <= pause <= 60


def test_many_who_are_told_to_wait_do_not_come_back_together():
    assert Retrying().pause_s(1, 20.0, 0.1) != Retrying().pause_s(1, 20.0, 0.9)


def test_retrying_checks_itself():
    with pytest.raises(ArgumentError, match="attempts"):
        Retrying(attempts=0)
    with pytest.raises(ArgumentError, match="first_pause_s"):
        Retrying(first_pause_s=2.0, longest_pause_s=1.0)
    with pytest.raises(ArgumentTypeError, match="longest_pause_s must be a number"):
        Retrying(longest_pause_s="1")
