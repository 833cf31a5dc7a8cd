"""What is logged: each step once, also after kills; and a disk that is full costs nothing but time."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from evalkit.training import EvalSchedule, InlineEvaluation
from evalkit.training.inline_log import LEDGER, read_records
from tests.evaluations.letters import Letters
from tests.training import trained
from tests.training.full_disk import fillable_disk

ROOT = Path(__file__).parents[2]


def inline(log_dir, *builders, num_steps=6):
    return InlineEvaluation(
        EvalSchedule(num_steps, eval_every=2),
        evaluator_builders=builders,
        engine_builder=trained.build_engine,
        encoding=Letters(),
        log_dir=log_dir,
    )


def test_events_whose_line_a_kill_has_cut_off_are_not_written_twice(tmp_path):
    with inline(tmp_path, trained.stories) as evaluation:
        params = trained.train(evaluation, range(2))
    ledger = tmp_path / LEDGER
    lines = ledger.read_bytes().splitlines(keepends=True)
    ledger.write_bytes(b"".join(lines[:-1]))
    with inline(tmp_path, trained.stories) as evaluation:
        trained.train(evaluation, range(2, 6), params)
    steps = [step for step, _ in trained.tensorboard(tmp_path)["eval/stories/stories/score"]]
    assert steps == [0, 2, 4, 6]
    assert [record.step for record in read_records(tmp_path)] == [0, 2, 4, 6]


def test_a_disk_that_is_full_for_a_while_loses_nothing(tmp_path, caplog):
    with fillable_disk() as allow, inline(tmp_path, trained.stories) as evaluation:
        params = trained.first_params()
        evaluation.inline(0, params)
        while not evaluation.records:
            time.sleep(0.01)
        time.sleep(0.05)
        allow(100)
        evaluation.inline(2, params)
        while len(evaluation.records) < 2:
            time.sleep(0.01)
        time.sleep(0.05)
        size = (tmp_path / LEDGER).stat().st_size
        allow(None)
        assert [record.step for record in read_records(tmp_path)] == [0]
        evaluation.inline(4, params)
    assert "1 result(s) wait to be written. InlineEvaluation cannot write" in caplog.text
    assert size < (tmp_path / LEDGER).stat().st_size
    assert [record.step for record in read_records(tmp_path)] == [0, 2, 4]
    assert [step for step, _ in trained.tensorboard(tmp_path)["eval/stories/stories/score"]] == [0, 2, 4]


def test_failures_are_counted_and_have_tracebacks(tmp_path):
    calls = str(tmp_path / "calls")
    bad = trained.scripted("bad", calls, trained.raising, trained.not_a_number, trained.nothing)
    with inline(tmp_path / "log", bad, trained.stories) as evaluation:
        params = trained.train(evaluation)
    assert trained.bits(params) == trained.bits(trained.train())
    found = {(record.evaluator, record.step): record for record in evaluation.records}
    assert [found["bad", step].status for step in (0, 2, 4, 6)] == ["failed", "failed", "done", "done"]
    assert {found["stories", step].status for step in (0, 2, 4, 6)} == {"done"}
    assert "in raising" in found["bad", 0].traceback
    assert found["bad", 2].metrics == {"bad": {"score": None}}
    assert trained.tensorboard(tmp_path / "log")["eval/failed"] == [(0, 1.0), (2, 2.0)]


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL])
def test_a_signal_during_an_evaluation_leaves_the_ledger_whole(tmp_path, number):
    """The second evaluator is stopped in the middle; the first one's record stays, and only the rest is done again."""
    command = [sys.executable, "-m", "tests.training.stopped_training", str(tmp_path)]
    process = subprocess.Popen(command, cwd=ROOT, stderr=subprocess.DEVNULL)
    try:
        while not (tmp_path / "begun").exists():
            assert process.poll() is None
            time.sleep(0.05)
        process.send_signal(number)
        assert process.wait(20) == -number
    finally:
        process.kill()
        process.wait()
    assert [(record.evaluator, record.status) for record in read_records(tmp_path)] == [("stories", "done")]
    lines = (tmp_path / LEDGER).read_text().splitlines()
    assert [json.loads(line)["step"] for line in lines] == [0]
    with inline(tmp_path, trained.stories, trained.scripted("slow", str(tmp_path / "calls"), trained.nothing)) as again:
        again.inline(0, trained.first_params())
    assert [(record.evaluator, record.status) for record in again.records] == [("stories", "done"), ("slow", "done")]
