"""Inline evaluation in two processes with two devices each: all take part, the first one judges and logs."""

from __future__ import annotations

import pytest

from tests.evaluations.letters import Letters, learned_job
from tests.inference.processes import run_in_turn
from tests.training import trained

RUNS = ("overlapped", "in_child", "sampling", "one_cannot_write")


@pytest.fixture(scope="module")
def found(tmp_path_factory):
    """What came of each training, in the two processes."""
    folder = tmp_path_factory.mktemp("two")
    (folder / "file").write_text("")
    where = f"tests.training.shared_training:{','.join(RUNS)}"
    return run_in_turn(where, str(folder), processes=2, devices=2, seconds=240)


def test_all_processes_take_part_and_a_failure_in_one_is_known_to_the_first(found):
    first, second = found["overlapped"]
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


def test_the_first_process_has_a_child_for_all(found):
    first, second = found["in_child"]
    assert second == []
    assert {(name, step, status) for name, step, status, _, _ in first} == {
        (name, step, "done") for name in ("stories", "sampling") for step in (0, 2, 4)
    }


def test_what_cannot_be_done_together_is_told_in_all_processes(found):
    for each in found["sampling"]:
        assert each.error == "ArgumentError"
        assert "which 2 processes cannot do together. Pass mode=ChildProcess()" in each.message


def test_where_the_first_cannot_write_none_waits(found):
    first, second = found["one_cannot_write"]
    assert (first.error, second.error) == ("LoggerError", "ProcessError")
