"""A job in two processes with two devices each."""

from __future__ import annotations

import json

import pytest

from tests.evaluations.jobs import Stories, job_of
from tests.evaluations.shared_jobs import TEXTS
from tests.inference.processes import Raised, run_processes


def run(function, folder):
    return run_processes(f"tests.evaluations.shared_jobs:{function}", str(folder), processes=2, devices=2, seconds=120)


def test_processes_run_the_same_and_one_of_them_writes(tmp_path):
    alone = job_of(tmp_path / "alone", Stories("stories", TEXTS)).run()["stories"].score
    first, second = run("run_and_extend", tmp_path / "two")
    assert first == second
    assert first["told"] == [False, pytest.approx(alone, rel=1e-5), True]
    assert first["run"] == ["a", "b"]
    [path] = (tmp_path / "two").rglob("results.json")
    assert set(json.loads(path.read_text())["evaluations"]) == {"stories", "a", "b"}


def test_processes_with_other_evaluations_are_told(tmp_path):
    for found in run("with_other_evaluations", tmp_path):
        assert isinstance(found, Raised)
        assert "do not have the same evaluations and parameters" in found.message


def test_where_the_first_cannot_write_none_waits(tmp_path):
    (tmp_path / "file").write_text("")
    first, second = run("one_cannot_write", tmp_path)
    assert (first.error, second.error) == ("LoggerError", "ProcessError")


@pytest.mark.parametrize(
    ("function", "error"), [("one_cannot_read", "SourceError"), ("one_cannot_judge", "PostprocessError")]
)
def test_where_one_fails_all_stop(tmp_path, function, error):
    first, second = run(function, tmp_path)
    assert (first.error, second.error) == ("ProcessError", error)
    assert "gone" in first.message
