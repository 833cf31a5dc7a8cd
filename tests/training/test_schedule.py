"""The steps at which evaluators are due."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evalkit.errors import ArgumentError, ArgumentTypeError
from evalkit.training import EvalSchedule


@given(st.integers(0, 60), st.integers(0, 60), st.integers(0, 70), st.integers(0, 70), st.booleans(), st.booleans())
def test_steps_are_multiples_the_start_and_the_end(start, updates, every, infrequent, at_start, at_end):
    end = start + updates
    schedule = EvalSchedule(end, every, infrequent, start, at_start, at_end)
    for number, found in ((every, schedule.frequent_steps), (infrequent, schedule.infrequent_steps)):
        wanted = {step for step in range(start + 1, end + 1) if number and step % number == 0}
        wanted |= ({start} if at_start else set()) | ({end} if at_end else set()) if number else set()
        assert list(found) == sorted(wanted)
    for step in range(end + 5):
        due = schedule.due(step)
        assert due.frequent == (step in set(schedule.frequent_steps))
        assert due.infrequent == (step in set(schedule.infrequent_steps))


@given(st.integers(0, 40), st.integers(0, 9), st.integers(0, 9), st.integers(0, 40), st.integers(0, 40))
def test_the_next_step_that_is_due(end, every, infrequent, step, later):
    schedule = EvalSchedule(end, every, infrequent, at_start=False)
    between = [number for number in range(step + 1, later) if any(schedule.due(number))]
    assert schedule.between(step, later) == (between[0] if between else None)


@pytest.mark.parametrize(
    ("arguments", "error", "match"),
    [
        ((-1,), ArgumentError, "num_steps must be at least 0, found -1"),
        ((9, 0.5), ArgumentTypeError, "eval_every must be a whole number"),
        ((9, 0, -2), ArgumentError, "infrequent_eval_every must be at least 0"),
        ((500, 0, 0, 1000), ArgumentError, "cannot end at num_steps 500.*it is 1500"),
    ],
)
def test_bad_numbers_are_told(arguments, error, match):
    with pytest.raises(error, match=match):
        EvalSchedule(*arguments)


def test_an_every_that_never_fires_is_told(caplog):
    EvalSchedule(100, eval_every=101, infrequent_eval_every=100, at_start=False)
    assert len(caplog.records) == 1
    assert "eval_every=101 never fires within the planned steps, 0 to 100: evaluators are run at the end" in caplog.text
