"""Inline evaluation in the loop and overlapped with it: what is evaluated, and where the results stand."""

from __future__ import annotations

import functools
import json
import threading

import pytest

from evalkit.errors import ArgumentError, ArgumentTypeError, DuplicateNameError, LoggerError
from evalkit.evaluations.inference_job import InferenceJob
from evalkit.inference.engine import Engine
from evalkit.inference.sampling import SamplingParams
from evalkit.training import EvalSchedule, InlineEvaluation, InLoop, Overlapped
from tests.evaluations.letters import Letters
from tests.training import trained

MODES = [InLoop(), *(Overlapped(when_busy) for when_busy in ("wait", "latest", "skip"))]


def inline(log_dir, *builders, schedule=None, infrequent=(), **keywords):
    given = {"engine_builder": trained.build_engine, "model_fns": trained.answering, "encoding": Letters(), **keywords}
    return InlineEvaluation(
        schedule or EvalSchedule(trained.NUM_STEPS, eval_every=2, infrequent_eval_every=3),
        evaluator_builders=builders,
        infrequent_evaluator_builders=infrequent,
        log_dir=log_dir,
        **given,
    )


def steps_of(evaluation, name):
    return [record.step for record in evaluation.records if record.evaluator == name]


@pytest.mark.parametrize("mode", MODES[:2])
def test_all_kinds_of_evaluators_at_all_steps_that_are_due(tmp_path, mode):
    with inline(
        tmp_path, trained.spanish, trained.stories, infrequent={"chat": trained.build_sampling}, mode=mode
    ) as evaluation:
        params = trained.train(evaluation)
    assert trained.bits(params) == trained.bits(trained.train())
    assert {record.status for record in evaluation.records} == {"done"}
    assert steps_of(evaluation, "spanish") == steps_of(evaluation, "stories") == [0, 2, 4, 6]
    assert steps_of(evaluation, "chat") == [0, 3, 6]
    metrics = {record.evaluator: record.metrics for record in evaluation.records}
    assert metrics["spanish"] == {"spanish": {"exact": 1.0}}
    assert metrics["chat"]["two"] == {"half": 0.5}
    assert metrics["chat"]["chat"]["tokens"] > 0
    counts = {record.evaluator: record.counts for record in evaluation.records}
    assert counts["spanish"]["spanish"]["total"] == 5
    assert counts["stories"]["stories"]["total"] == 3
    assert counts["chat"]["chat"]["total"] == counts["chat"]["chat"]["unjudged"] == 8


def test_scores_are_those_of_the_parameters_of_their_step(tmp_path):
    asked = []
    chat = functools.partial(functools.partial, trained.sampling, seen=asked)
    with inline(tmp_path, trained.stories, schedule=EvalSchedule(4, 2, 2), infrequent={"chat": chat}) as evaluation:
        trained.train(evaluation, range(4))
    engine = trained.build_engine()
    params, asked_there = trained.first_params(), []
    for step in range(5):
        if step % 2 == 0:
            job = InferenceJob(engine, params)
            wanted = trained.stories().evaluate(job, Letters()).score
            [found] = [r for r in evaluation.records if (r.evaluator, r.step) == ("stories", step)]
            assert found.metrics["stories"]["score"] == pytest.approx(wanted)
            with inline(
                tmp_path / str(step),
                infrequent={"chat": functools.partial(functools.partial, trained.sampling, seen=asked_there)},
                schedule=EvalSchedule(0, 0, 1),
            ) as other:
                other.inline(0, params)
        params = trained.update(params, step)
    assert asked == asked_there


def test_what_samples_is_computed_in_the_thread_of_the_loop(tmp_path, monkeypatch):
    threads = []
    generate = Engine.generate

    def noting(*arguments, **keywords):
        threads.append(threading.current_thread())
        return generate(*arguments, **keywords)

    monkeypatch.setattr(Engine, "generate", noting)
    with inline(tmp_path, trained.build_sampling) as evaluation:
        trained.train(evaluation)
    assert set(threads) == {threading.main_thread()}
    assert steps_of(evaluation, "sampling") == [0, 2, 4, 6]


def test_a_resumed_training_repeats_nothing(tmp_path):
    with inline(tmp_path, trained.stories) as first:
        trained.train(first, range(3))
    built, params = [], trained.train(None, range(2))
    with inline(tmp_path, lambda: built.append(1) or trained.stories(), trained.spanish) as second:
        trained.train(second, range(2, 6), params)
    assert steps_of(first, "stories") == [0, 2]
    assert steps_of(second, "stories") == [0, 2, 4, 6]
    assert steps_of(second, "spanish") == [2, 4, 6]
    lines = [json.loads(line) for line in (tmp_path / "inline_evaluations.jsonl").read_text().splitlines()]
    assert len(lines) == 2 + 2 + 3
    assert len({(line["evaluator"], line["step"]) for line in lines}) == len(lines)


def test_names_that_clash_are_told_when_building(tmp_path):
    with pytest.raises(DuplicateNameError, match="Two evaluators are called 'stories'"):
        inline(tmp_path, trained.stories, trained.stories)
    with pytest.raises(DuplicateNameError, match="in both lists"):
        inline(tmp_path, trained.stories, infrequent={"stories": trained.spanish})


@pytest.mark.parametrize(
    ("keywords", "error", "match"),
    [
        ({"mode": "overlapped"}, ArgumentTypeError, r"mode must be InLoop\(\), Overlapped\(\) or ChildProcess\(\)"),
        ({"schedule": 7}, ArgumentTypeError, "schedule must be an EvalSchedule, found 7"),
        ({"infrequent": trained.stories}, ArgumentTypeError, "infrequent_evaluator_builders is a list of builders"),
        ({"infrequent": [None]}, ArgumentTypeError, r"infrequent_evaluator_builders\[0\] must be a function without"),
        ({"infrequent": [lambda: 5]}, ArgumentTypeError, "returned a int; expected an Evaluator, an Evaluation, or"),
        ({"infrequent": {"a/b": trained.stories}}, ArgumentError, "'a/b'; a name is not empty and has no slash"),
        ({"engine_builder": None}, ArgumentError, "'stories' needs an engine. Pass engine_builder"),
        ({"engine_builder": dict}, ArgumentTypeError, "engine_builder returned {}; expected an Engine"),
        ({"model_fns": 1}, ArgumentTypeError, "model_fns must be a function, or None"),
        ({"sampling": SamplingParams(2, num_samples=2)}, ArgumentError, "for one answer to each example"),
        (
            {"infrequent": [functools.partial(trained.spanish, eval_split="test")]},
            ArgumentError,
            "has no task with metrics and the split",
        ),
    ],
)
def test_what_cannot_work_is_told_when_building(tmp_path, keywords, error, match):
    with pytest.raises(error, match=match):
        inline(tmp_path, trained.stories, **keywords)


def test_bad_steps_are_told(tmp_path):
    with inline(tmp_path, trained.stories) as evaluation:
        with pytest.raises(ArgumentTypeError, match="A step must be a whole number, found 0.5"):
            evaluation.inline(0.5, None)
        with pytest.raises(ArgumentError, match="at least 0, found -1"):
            evaluation.inline(-1, None)
    with pytest.raises(ArgumentError, match="closed. Call `inline` before"):
        evaluation.inline(0, None)


def test_a_damaged_ledger_is_told_and_a_line_that_was_cut_off_is_not(tmp_path):
    with inline(tmp_path, trained.stories) as evaluation:
        evaluation.inline(0, trained.first_params())
    path = tmp_path / "inline_evaluations.jsonl"
    whole = path.read_bytes()
    path.write_bytes(whole + whole[:30])
    with inline(tmp_path, trained.stories) as evaluation:
        assert steps_of(evaluation, "stories") == [0]
        evaluation.inline(2, trained.first_params())
    assert [json.loads(line)["step"] for line in path.read_text().splitlines()] == [0, 2]
    path.write_bytes(whole[:30] + b"\n" + whole)
    with pytest.raises(LoggerError, match=r"inline_evaluations.jsonl:1 is no record of an inline evaluation"):
        inline(tmp_path, trained.stories)
    (tmp_path / "file").write_text("")
    with pytest.raises(LoggerError, match="Pass a directory that can be written and has space as log_dir"):
        inline(tmp_path / "file", trained.stories)


def test_lists_that_are_disabled_are_not_built(tmp_path):
    with inline(tmp_path, trained.raising, schedule=EvalSchedule(6, 0, 3), infrequent=[trained.stories]) as evaluation:
        trained.train(evaluation)
    assert steps_of(evaluation, "stories") == [0, 3, 6]


def test_steps_that_never_come_are_told(tmp_path, caplog):
    with inline(tmp_path, trained.stories) as evaluation:
        evaluation.inline(0, trained.first_params())
        evaluation.inline(3, trained.first_params())
    assert "were due at step 2, but `inline` was called for steps 0 and 3 only" in caplog.text
