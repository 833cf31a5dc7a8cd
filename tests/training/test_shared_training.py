"""Inline evaluation in two processes with two devices each: all take part, the first one judges and logs."""

from __future__ import annotations

import pytest

from tests.evaluations.letters import Letters, learned_job
from tests.inference.processes import run_processes
from tests.training import trained


def run(function, folder):
    where = f"tests.training.shared_training:{function}"
    return run_processes(where, str(folder), processes=2, devices=2, seconds=150)


def test_all_processes_take_part_and_a_failure_in_one_is_known_to_the_first(tmp_path):
    first, second = run("overlapped", tmp_path)
    assert second == []
    wanted = trained.stories().evaluate(learned_job(), Letters()).score
    stories = [metrics["stories"]["score"] for name, _, _, metrics, _ in first if name == "stories"]
    assert stories == [pytest.approx(wanted, rel=1e-5)] * len(stories)
    final = {name: (status, error) for name, step, status, _, error in first if step == 4}
    assert final["stories"] == ("done", "")
    assert final["fails in 0"] == ("failed", "OSError: gone")
    assert final["fails in 1"][0] == "failed"
    assert "ProcessError" in final["fails in 1"][1]
    assert "process 1: OSError: gone" in final["fails in 1"][1]


def test_the_first_process_has_a_child_for_all(tmp_path):
    first, second = run("in_child", tmp_path)
    assert second == []
    assert {(name, step, status) for name, step, status, _, _ in first} == {
        (name, step, "done") for name in ("stories", "sampling") for step in (0, 2, 4)
    }


def test_what_cannot_be_done_together_is_told_in_all_processes(tmp_path):
    for found in run("sampling", tmp_path):
        assert found.error == "ArgumentError"
        assert "which 2 processes cannot do together. Pass mode=ChildProcess()" in found.message


def test_where_the_first_cannot_write_none_waits(tmp_path):
    (tmp_path / "file").write_text("")
    first, second = run("one_cannot_write", tmp_path)
    assert (first.error, second.error) == ("LoggerError", "ProcessError")
