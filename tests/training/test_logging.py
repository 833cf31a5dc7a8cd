"""What is logged: each step once, also after kills; and a disk that is full costs nothing but time."""

from __future__ import annotations

import asyncio
import functools
import json
import logging
import signal
import subprocess
import sys
import time
from pathlib import Path

import jax.numpy as jnp
import pytest

import evalkit
from evalkit.inference.sampling import SamplingParams
from evalkit.training import EvalSchedule, InlineEvaluation
from evalkit.training.inline_log import LEDGER, read_records
from tests.evaluations.letters import Letters
from tests.training import trained
from tests.training.full_disk import fillable_disk
from tests.training.stopped_training import evaluation

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


@pytest.fixture(scope="module")
def trainings(tmp_path_factory):
    """Three that hang in the second task of an Evaluator, side by side; the last one has failed, and ends by itself."""
    begun = {}
    for name, arguments in {"terminated": [], "killed": [], "failed": ["fails"]}.items():
        folder = tmp_path_factory.mktemp(name)
        command = [sys.executable, "-m", "tests.training.stopped_training", str(folder), *arguments]
        errors = (folder / "errors").open("w")
        begun[name] = folder, subprocess.Popen(command, cwd=ROOT, stderr=errors)
    yield begun
    for _, process in begun.values():
        process.kill()
        process.wait()


@pytest.mark.parametrize(("name", "number"), [("terminated", signal.SIGTERM), ("killed", signal.SIGKILL)])
def test_a_signal_during_an_evaluation_leaves_what_is_finished(trainings, name, number):
    """An Evaluator is stopped in its second task: the first one's record stays, and only the rest is done again."""
    log_dir, process = trainings[name]
    while not (log_dir / "begun").exists():
        assert process.poll() is None
        time.sleep(0.05)
    process.send_signal(number)
    assert process.wait(20) == -number
    assert [(record.evaluator, record.task) for record in read_records(log_dir)] == [("stories", ""), ("both", "quick")]
    with evaluation(log_dir) as again:
        again.inline(0, trained.first_params())
    lines = [json.loads(line) for line in (log_dir / LEDGER).read_text().splitlines()]
    assert [(line["evaluator"], line["task"]) for line in lines[2:]] == [("both", "slow")]
    assert {line["status"] for line in lines} == {"done"}
    assert lines[2]["counts"] == {"slow": lines[1]["counts"]["quick"]}
    assert {"eval/both/quick/exact", "eval/both/slow/exact"} <= set(trained.tensorboard(log_dir))


def test_no_evaluator_that_hangs_keeps_a_training_from_ending(trainings):
    """One training is left by an exception, another one is not closed; both still evaluate."""
    log_dir, process = trainings["failed"]
    assert process.wait(90) == 1
    errors = (log_dir / "errors").read_text()
    assert "OSError: the training has failed" in errors
    assert errors.count("1 evaluation(s) that went on for 0.5 s more are cut off") == 2
    assert errors.count("Evaluator 'both', task 'slow' at step 0") == 2


def test_whatever_an_evaluator_raises_or_returns_is_in_its_record(tmp_path):
    """Exceptions without words, on the thread and in the loop, and a number that is none after all."""

    class NoNumber(evalkit.Scalar):
        def __init__(self):
            """Has no value that could be read."""

        @property
        def value(self):
            raise RuntimeError("no number")

    def of_params(params):
        raise trained.Speechless

    def predict(dataset):
        raise ValueError("out of memory")

    def inline_with(log_dir, model_fns, *builders):
        with InlineEvaluation(
            EvalSchedule(0, 1),
            evaluator_builders=builders,
            engine_builder=trained.build_engine,
            model_fns=model_fns,
            encoding=Letters(),
            log_dir=log_dir,
        ) as evaluation:
            evaluation.inline(0, trained.first_params())
        return [(each.evaluator, each.status, each.error, each.counts) for each in evaluation.records]

    speechless = trained.scripted("words", str(tmp_path / "calls"), trained.speechless)
    numberless = trained.scripted("number", str(tmp_path / "calls"), NoNumber)
    found = inline_with(tmp_path / "a", of_params, speechless, trained.spanish, numberless)
    failed = {"correct": 0, "wrong": 0, "unparsed": 0, "truncated": 0, "unjudged": 0}
    assert found == [
        ("words", "failed", WORDLESS, {"words": {"total": 1, "failed": 1, **failed}}),
        ("spanish", "failed", WORDLESS, {"spanish": {"total": 5, "failed": 5, **failed}}),
        ("number", "failed", "RuntimeError: no number", {"number": {"total": 1, "failed": 1, **failed}}),
    ]
    [(_, status, error, counts)] = inline_with(tmp_path / "b", lambda _: {"predict_fn": predict}, trained.spanish)
    assert (status, error) == ("failed", "ValueError: out of memory")
    assert counts["spanish"]["failed"] == 5


WORDLESS = "Speechless: (its message cannot be told)"


def test_a_metric_that_is_returned_twice_fails(tmp_path):
    async def twice(client):
        return {"accuracy": 0.1, "twice/accuracy": 0.9}

    async def nested(client):
        return {"a/b/c": 1.0, "a/d": 0.5}

    with inline(tmp_path, lambda: twice, lambda: nested, num_steps=0) as evaluation:
        evaluation.inline(0, trained.first_params())
    records = {record.evaluator: record for record in evaluation.records}
    assert "returned metric 'accuracy' of task 'twice' twice" in records["twice"].error
    assert records["nested"].metrics == {"a/b": {"c": 1.0}, "a": {"d": 0.5}}
    assert trained.tensorboard(tmp_path)["eval/nested/a/b/c"] == [(0, 1.0)]


def test_counts_are_of_examples_and_not_of_what_was_asked(tmp_path):
    async def two_tasks(client):
        await asyncio.gather(*(client.sample("ab", SamplingParams(1)) for _ in range(5)))
        return {"a/correct": 1, "a/wrong": 2, "b/correct": 1, "b/wrong": 0, "b/total": 4}

    async def fails(client):
        await client.sample("ab", SamplingParams(1))
        raise OSError("gone")

    with inline(tmp_path, lambda: two_tasks, lambda: fails, num_steps=0) as evaluation:
        evaluation.inline(0, trained.first_params())
    counts = {record.evaluator: record.counts for record in evaluation.records}
    assert (counts["two_tasks"]["a"]["total"], counts["two_tasks"]["a"]["unjudged"]) == (3, 0)
    assert (counts["two_tasks"]["b"]["total"], counts["two_tasks"]["b"]["unjudged"]) == (4, 3)
    assert (counts["fails"]["fails"]["total"], counts["fails"]["fails"]["failed"]) == (1, 1)


def number(value):
    """An evaluator that returns it."""
    return lambda: functools.partial(_returning, value)


async def _returning(value, client):
    return {"value": value}


def test_the_ledger_is_of_evaluators_and_parameters_and_not_of_names(tmp_path, caplog):
    def train(value, factor, steps=range(6)):
        with inline(tmp_path, number(value)) as evaluation:
            for step in steps:
                evaluation.inline(step, {"w": jnp.full(2, float(factor * step))})
        lines = (tmp_path / LEDGER).read_text().splitlines()
        return [record.metrics["_returning"]["value"] for record in evaluation.records], len(lines)

    caplog.set_level(logging.INFO)
    assert train(1, factor=1) == ([1, 1, 1], 3)
    caplog.clear()
    assert train(1, factor=1) == ([1, 1, 1], 3)
    assert "Evaluator '_returning' stands in" in caplog.text
    assert "for step 4, and is not evaluated again" in caplog.text
    assert f"A training begins at step 0, and {tmp_path}/{LEDGER} has evaluations of an earlier one, up to step 4" in (
        caplog.text
    )
    caplog.clear()
    assert train(1, factor=2, steps=range(2, 6)) == ([1, 1, 1], 5)
    assert "the parameters of the step are others: this is another training" in caplog.text
    assert "A training begins" not in caplog.text
    caplog.clear()
    assert train(2, factor=2) == ([2, 2, 2], 8)
    assert "Evaluator '_returning' has changed, in its code, its settings or its examples" in caplog.text
    assert trained.tensorboard(tmp_path)["eval/_returning/_returning/value"][-3:] == [(0, 2.0), (2, 2.0), (4, 2.0)]
