"""A job in two processes with two devices each."""

from __future__ import annotations

import json

import pytest

from tests.evaluations.jobs import Stories, job_of
from tests.evaluations.shared_jobs import TEXTS
from tests.inference.processes import Raised, run_in_turn

JOBS = ("run_and_extend", "with_other_evaluations", "one_cannot_write", "one_cannot_read", "one_cannot_judge")


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("two")
    (folder / "file").write_text("")
    return folder


@pytest.fixture(scope="module")
def found(folder):
    """What came of each job, in the two processes."""
    where = f"tests.evaluations.shared_jobs:{','.join(JOBS)}"
    return run_in_turn(where, str(folder), processes=2, devices=2, seconds=240)


def test_processes_run_the_same_and_one_of_them_writes(found, folder, tmp_path):
    alone = job_of(tmp_path, Stories("stories", TEXTS)).run()["stories"].score
    first, second = found["run_and_extend"]
    assert first == second
    assert first["told"] == [False, pytest.approx(alone, rel=1e-5), True]
    assert first["run"] == ["a", "b"]
    [path] = (folder / "run_and_extend").rglob("results.json")
    assert set(json.loads(path.read_text())["evaluations"]) == {"stories", "a", "b"}


def test_processes_with_other_evaluations_are_told(found):
    for each in found["with_other_evaluations"]:
        assert isinstance(each, Raised)
        assert "do not have the same evaluations and parameters" in each.message


def test_where_the_first_cannot_write_none_waits(found):
    first, second = found["one_cannot_write"]
    assert (first.error, second.error) == ("LoggerError", "ProcessError")


@pytest.mark.parametrize(
    ("function", "error"), [("one_cannot_read", "SourceError"), ("one_cannot_judge", "PostprocessError")]
)
def test_where_one_fails_all_stop(found, function, error):
    first, second = found[function]
    assert (first.error, second.error) == ("ProcessError", error)
    assert "gone" in first.message
