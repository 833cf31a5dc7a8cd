"""Tests of tasks, written with seqio's test tools, pass and fail with evalkit's as they do with seqio's."""

from __future__ import annotations

import pytest

from tests.compat.differential import testing_tool_cases
from tests.compat.libraries import needs_seqio, number_of_cases

pytestmark = needs_seqio

TASKS = testing_tool_cases.task_cases(number_of_cases(6))
DATASETS = testing_tool_cases.dataset_cases(number_of_cases(60))


@pytest.fixture(scope="module")
def results(libraries):
    return libraries.run("testing_tools", [*TASKS, *DATASETS, {"kind": "differences"}])


def test_what_the_tools_give_is_equal(results):
    for number, case in enumerate(TASKS + DATASETS):
        assert results["evalkit"][number] == results["seqio"][number], case


def test_assertions_of_every_kind_held_and_failed(results):
    """That nothing above was equal because it was always the same."""
    outcomes = results["evalkit"][len(TASKS) : -1]
    for assertion in ("dataset", "single", "equal", "not equal"):
        assert {True, False} == {outcome[assertion] for outcome in outcomes} - {None}
    for case, outcome in zip(DATASETS, outcomes, strict=True):
        if case["change"] in testing_tool_cases.RIGHT[:1]:
            assert outcome["dataset"]
        elif case["change"] in testing_tool_cases.WRONG[:4]:
            assert not outcome["dataset"]
    assert {case["change"] for case in DATASETS} == {*testing_tool_cases.RIGHT, *testing_tool_cases.WRONG}
    assert {outcome["metrics"]["exact"] for outcome in results["evalkit"][: len(TASKS)]} == {
        "0x0.0p+0",
        "0x1.0000000000000p+0",
    }


def test_where_they_differ_on_purpose(results):
    assert results["seqio"][-1] == {
        "a number for an empty array": True,
        "an array for a number": True,
        "targets judged": "AttributeError",  # it encodes each id of the targets, as if it were a text
        "another split judged": "KeyError",
        "no scores": "ValueError",
        "a task in the block": False,
    }
    assert results["evalkit"][-1] == {
        "a number for an empty array": False,
        "an array for a number": False,
        "targets judged": {"exact": 1.0},
        "another split judged": {"exact": 1.0},
        "no scores": {"exact": 1.0},
        "a task in the block": True,
    }
