"""Evaluators in a process of their own: what they do there, and what becomes of the training."""

from __future__ import annotations

import functools
import logging
import re
import sys
import time
import types
from pathlib import Path

import pytest

from evalkit.errors import ArgumentError, ArgumentTypeError, DuplicateNameError, EvaluatorProcessError
from evalkit.training import ChildProcess, EvalSchedule, InlineEvaluation
from tests.evaluations.letters import Letters
from tests.training import trained


def in_child(log_dir, builders, infrequent=(), *, mode=None, schedule=None):
    return InlineEvaluation(
        schedule or EvalSchedule(trained.NUM_STEPS, eval_every=3, infrequent_eval_every=3),
        evaluator_builders=builders,
        infrequent_evaluator_builders=infrequent,
        engine_builder=trained.build_engine,
        model_fns=trained.answering,
        encoding=Letters(),
        log_dir=log_dir,
        mode=mode or ChildProcess(),
    )


FAILURES = {
    "raises": (trained.raising, "OSError: the judge is away", "in raising"),
    "exits": (trained.exiting, "ended with status 3 while it ran Evaluator 'bad'. It wrote:\ngoing", ""),
    "leaves": (trained.leaving, "SystemExit: 4", "in leaving"),
    "is killed": (trained.killed, "by signal SIGKILL, as the system does where memory runs out", ""),
    "runs out of memory": (trained.hungry, "Unable to allocate", "in hungry"),
    "crashes": (trained.crashing, "by signal SIGSEGV", "in crashing"),
    "hangs": (trained.hanging, "took longer than 3 s", "in hanging"),
    "sends what cannot be read": (trained.unreadable, "cannot be read here: OSError: of another process", ""),
    "has no words": (trained.speechless, "Speechless: (its message cannot be told)", "in speechless"),
    "returns NaN": (trained.not_a_number, "bad/score is nan; expected finite", "in checked"),
}


def test_whatever_an_evaluator_does_training_ends_and_the_next_one_runs(tmp_path):
    acts = [act for act, _, _ in FAILURES.values()]
    bad = trained.scripted("bad", str(tmp_path / "calls"), *acts, trained.nothing)
    steps = range(len(acts))
    schedule = EvalSchedule(len(acts), eval_every=1, infrequent_eval_every=len(acts))
    closes = functools.partial(trained.never_closing, str(tmp_path))
    mode = ChildProcess(timeout_s=3)
    with in_child(tmp_path, [bad, trained.stories], [closes], mode=mode, schedule=schedule) as evaluation:
        params = trained.train(evaluation, steps)
        evaluation.wait()
        begin = time.monotonic()
    assert 3 <= time.monotonic() - begin < 20  # then the process is killed
    assert trained.bits(params) == trained.bits(trained.train(None, steps))
    records = {(record.evaluator, record.step): record for record in evaluation.records}
    assert {record.status for (name, _), record in records.items() if name == "stories"} == {"done"}
    for step, (_, message, place) in enumerate(FAILURES.values()):
        record = records["bad", step]
        assert record.status == "failed"
        assert record.counts["bad"]["failed"] == 1 or message.startswith("bad/score is nan")
        assert message in record.error
        assert place in record.traceback
        assert record.traceback.startswith("Traceback (most recent call last)") or "Traceback" in record.traceback
    assert records["bad", len(acts)].status == "done"
    assert records["bad", len(acts)].metrics == {"bad": {"score": len(acts) + 1}}  # no report was taken for another
    [forked] = re.findall(r"forked (\d+)", records["bad", 3].error)
    stat = Path("/proc", forked, "stat")
    assert not stat.exists() or " Z " in stat.read_text()
    assert 3 <= records["bad", 6].seconds < 3 * 1.1 + 1  # and the time for the stacks


def test_evaluators_find_there_what_they_find_here(tmp_path):
    given = {
        "evaluator_builders": [trained.spanish, trained.stories],
        "infrequent_evaluator_builders": {"chat": trained.build_with_a_thread},
    }
    with in_child(tmp_path / "child", *given.values()) as there:
        trained.train(there)
        there.wait()
        begin = time.monotonic()
    assert time.monotonic() - begin < 20
    with InlineEvaluation(
        there.schedule,
        **given,
        engine_builder=trained.build_engine,
        model_fns=trained.answering,
        encoding=Letters(),
        log_dir=tmp_path / "here",
    ) as here:
        trained.train(here)
    found = [
        {(record.evaluator, record.step): (record.status, record.metrics, record.counts) for record in each.records}
        for each in (there, here)
    ]
    assert found[0].keys() == found[1].keys()
    for key, (status, metrics, counts) in found[0].items():
        assert (status, counts) == (found[1][key][0], found[1][key][2])
        for task, values in metrics.items():
            assert values == pytest.approx(found[1][key][1][task], rel=1e-5)


def test_errors_of_builders_come_through(tmp_path, monkeypatch):
    with pytest.raises(DuplicateNameError, match="Two evaluators are called 'stories'"):
        in_child(tmp_path, [trained.stories], [trained.stories])
    module = types.ModuleType("only_here")
    exec("def builder(): ...", vars(module))
    monkeypatch.setitem(sys.modules, "only_here", module)
    with pytest.raises(
        EvaluatorProcessError, match="cannot be built: ModuleNotFoundError: No module named 'only_here'"
    ):
        in_child(tmp_path, [module.builder])


def test_a_process_that_does_not_even_start_is_told(tmp_path, caplog):
    """As where the script of the training has no `if __name__ == "__main__":`."""
    caplog.set_level(logging.INFO)
    broken = ChildProcess(environment={"PYTHONHOME": str(tmp_path)})
    for log_dir in (tmp_path, "ram://child/process"):
        with pytest.raises(EvaluatorProcessError, match=r"with status 1 while it ran builders(?s:.*)if __name__ == "):
            in_child(log_dir, [trained.stories], mode=broken)
    paths = re.findall(r"What the process of the evaluators writes goes to (\S*/evalkit-\S*)\.", caplog.text)
    assert len(paths) == 1
    Path(paths[0]).unlink()


def test_a_process_may_not_take_any_time_to_start(tmp_path):
    with pytest.raises(EvaluatorProcessError, match=r"builders took longer than 0.2 s. Raise start_timeout_s"):
        in_child(tmp_path, [trained.stories], mode=ChildProcess(start_timeout_s=0.2))


def test_what_does_not_pickle_is_told(tmp_path):
    with pytest.raises(ArgumentError, match="it does not pickle: .*Define builders at the top level"):
        in_child(tmp_path, [lambda: trained.stories()])


@pytest.mark.parametrize(
    ("keywords", "error", "match"),
    [
        ({"when_busy": "never"}, ArgumentError, "one of 'wait', 'latest', 'skip'; found 'never'"),
        ({"timeout_s": 0}, ArgumentError, "timeout_s must be positive, or None for any time; found 0"),
        ({"start_timeout_s": -1}, ArgumentError, "start_timeout_s must be positive, or None for any time; found -1"),
        ({"environment": {"A": 1}}, ArgumentTypeError, "An environment is text by name; found 'A': 1"),
    ],
)
def test_modes_check_themselves(keywords, error, match):
    with pytest.raises(error, match=match):
        ChildProcess(**keywords)


def test_a_process_that_cannot_be_started_again_fails_evaluations_only(tmp_path):
    """The builder works once."""
    builder = functools.partial(trained.build_once, str(tmp_path / "built"), trained.exiting)
    with in_child(tmp_path, [builder, trained.stories], schedule=EvalSchedule(0, 1)) as evaluation:
        evaluation.inline(0, trained.first_params())
    assert [record.status for record in evaluation.records] == ["failed"] * 2
    assert all(re.search("built before", record.error) for record in evaluation.records[1:])
