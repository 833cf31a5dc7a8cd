"""Whatever the policy, however slow evaluators are, wherever training is cut off and resumed: each step that is due
has one record, and what it holds is of the parameters of that step.
"""

from __future__ import annotations

import functools
import os
import random
import shutil
import tempfile
import threading
import time
from pathlib import Path

import jax.numpy as jnp
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from evalkit.training import EvalSchedule, InlineEvaluation, InLoop, Overlapped
from evalkit.training.inline_log import LEDGER, read_records
from tests.training import trained

CASES = int(os.environ.get("EVALKIT_INLINE_CASES", "12"))


class Interrupted(Exception):
    """Ends a training."""


def telling_the_step(params):
    step = str(int(params["step"]))
    return {"predict_fn": lambda dataset: [(index, step) for index in range(len(dataset))]}


class SlowMetric:
    """Tells the step, takes its time, and remembers of what it was asked."""

    fingerprint = "the same in each run"

    def __init__(self, name, seconds, runs):
        self.__name__, self._seconds, self._runs = name, seconds, runs

    def __call__(self, targets, predictions):
        time.sleep(self._seconds())
        [step] = set(predictions)
        self._runs.append((self.__name__, int(step)))
        return {"step": int(step)}


def run(log_dir, schedule, mode, seconds, steps, save_every, end):
    """Trains from the first of `steps` to the last, where training is at its end or `end` is called.

    Returns what was evaluated, and the last step of which there is a checkpoint.
    """
    runs, saved = [], steps[0]
    params = {"step": jnp.int32(steps[0])}
    often, seldom = (functools.partial(trained.spanish, SlowMetric(name, seconds, runs), name) for name in LISTS)
    try:
        with InlineEvaluation(
            schedule,
            evaluator_builders=[often],
            infrequent_evaluator_builders=[seldom],
            model_fns=telling_the_step,
            log_dir=log_dir,
            mode=mode,
        ) as evaluation:
            for step in steps:
                if step > steps[0] and step % save_every == 0:
                    evaluation.wait()
                    saved = step
                evaluation.inline(step, params)
                after = {"step": params["step"] + 1}
                params["step"].delete()  # as donation does
                params = after
            if steps[-1] < schedule.num_steps:
                end()
    except Interrupted:
        pass
    return runs, saved


def due_pairs(schedule):
    for name, steps in zip(LISTS, (schedule.frequent_steps, schedule.infrequent_steps), strict=True):
        yield from ((name, step) for step in steps)


def killed(log_dir, copy, half_a_line):
    """What a kill leaves at this moment, whatever is going on: the files as they are now, and perhaps half a line."""
    ledger = Path(log_dir, LEDGER)
    lines = ledger.read_bytes() if ledger.exists() else b""
    shutil.copytree(log_dir, copy)  # after the ledger was read: events are written before their line
    if lines or half_a_line:
        Path(copy, LEDGER).write_bytes(lines + half_a_line)


def raised():
    raise Interrupted


LISTS = ("often", "seldom")
MODES = st.sampled_from([InLoop(), Overlapped("wait"), Overlapped("latest"), Overlapped("skip")])
CUTS = st.lists(st.tuples(st.integers(0, 12), st.sampled_from(["raises", b"", b'{"step":3,"evaluat'])), max_size=3)


@settings(max_examples=CASES, deadline=None)
@given(st.integers(0, 12), st.integers(0, 5), st.integers(0, 7), MODES, CUTS, st.integers(0, 2**32), st.data())
def test_each_step_that_is_due_has_one_record(num_steps, every, infrequent, mode, cuts, seed, data):
    schedule = EvalSchedule(
        num_steps, every, infrequent, at_start=data.draw(st.booleans()), at_end=data.draw(st.booleans())
    )
    generator = random.Random(seed)

    def seconds():
        return generator.choice([0.0, 0.0, 0.001, 0.004])

    with tempfile.TemporaryDirectory() as folder:
        log_dir, begin, logged, wanted = os.path.join(folder, "0"), 0, set(), set(due_pairs(schedule))
        for number, (stop, how) in enumerate([*cuts, (num_steps, "raises")], 1):
            steps, copy = range(begin, min(max(stop, begin), num_steps) + 1), os.path.join(folder, str(number))
            end = raised if how == "raises" else functools.partial(killed, log_dir, copy, how)
            runs, begin = run(log_dir, schedule, mode, seconds, steps, generator.randint(1, 4), end)
            assert len(runs) == len(set(runs))
            assert not set(runs) & logged  # nothing that is logged is repeated
            log_dir = copy if os.path.exists(copy) else log_dir
            found = [(record.evaluator, record.step) for record in read_records(log_dir)]
            assert len(found) == len(set(found))
            logged = set(found)
            if steps[-1] == num_steps:
                break
            assert {(name, step) for name, step in wanted if step < begin} <= logged <= wanted
        assert logged == wanted
        records = read_records(log_dir)
        for record in records:
            assert record.status == "skipped" or record.metrics == {record.evaluator: {"step": record.step}}
        skipped = {(record.evaluator, record.step) for record in records if record.status == "skipped"}
        assert not skipped or mode in (Overlapped("latest"), Overlapped("skip"))
        assert num_steps not in {step for _, step in skipped}


def test_what_a_kill_has_lost_is_told_when_training_is_resumed(tmp_path, caplog):
    """The checkpoint of step 3 was saved without a call of `wait`."""
    gate = threading.Event()

    def seen(targets, predictions):
        assert predictions[0] != "2" or gate.wait(30)
        return {"step": int(predictions[0])}

    def evaluation(log_dir):
        often = functools.partial(trained.spanish, seen, "often")
        schedule = EvalSchedule(4, 2)
        return InlineEvaluation(schedule, evaluator_builders=[often], model_fns=telling_the_step, log_dir=log_dir)

    with evaluation(tmp_path / "first") as first:
        for step in range(4):
            first.inline(step, {"step": jnp.int32(step)})
        killed(tmp_path / "first", tmp_path / "copy", b"")
        gate.set()
    with evaluation(tmp_path / "copy") as resumed:
        for step in (3, 4):
            resumed.inline(step, {"step": jnp.int32(step)})
    assert [record.step for record in resumed.records] == [0, 4]
    assert "begins at step 3, and 1 evaluation(s) that were due before have no line" in caplog.text
    assert "Evaluator 'often' at step 2. They are made if training comes by again" in caplog.text
    assert "Call `wait()` before a checkpoint is saved" in caplog.text


def test_latest_evaluates_the_newest_parameters_and_counts_what_it_skips(tmp_path):
    """The first evaluation goes on until step 5, where those of step 4 are next, and not those of 1 to 3."""
    gates = {step: False for step in range(8)}

    def seen(targets, predictions):
        step = int(predictions[0])
        while step == 0 and not gates[5]:
            time.sleep(0.001)
        return {"step": step}

    params = {"step": jnp.int32(0)}
    with InlineEvaluation(
        EvalSchedule(7, 1),
        evaluator_builders=[functools.partial(trained.spanish, seen, "often")],
        model_fns=telling_the_step,
        log_dir=tmp_path,
        mode=Overlapped("latest"),
    ) as evaluation:
        for step in range(8):
            gates[step] = True
            while step == 5 and not evaluation.records[-1].step == 0:
                time.sleep(0.001)
            time.sleep(0.05 * (step == 5))  # the record is there a moment before its evaluation is over
            evaluation.inline(step, params)
            params = {"step": params["step"] + 1}
    status = {record.step: record.status for record in evaluation.records}
    assert {step: status[step] for step in range(6)} == {
        0: "done",
        1: "skipped",
        2: "skipped",
        3: "skipped",
        4: "skipped",
        5: "done",
    }
    assert status[7] == "done"
    tags = trained.tensorboard(tmp_path)
    assert next(step for step, _ in tags["eval/often/often/step"]) == 0
    assert dict(tags["eval/often/often/step"])[5] == 5.0
    assert max(number for _, number in tags["eval/skipped"]) == list(status.values()).count("skipped")


def test_skip_lets_training_go_on(tmp_path):
    open_gate = []

    def seen(targets, predictions):
        while not open_gate:
            time.sleep(0.001)
        return {"step": int(predictions[0])}

    with InlineEvaluation(
        EvalSchedule(4, 1),
        evaluator_builders=[functools.partial(trained.spanish, seen, "often")],
        model_fns=telling_the_step,
        log_dir=tmp_path,
        mode=Overlapped("skip"),
    ) as evaluation:
        for step in range(5):
            if step == 4:
                open_gate.append(True)
            evaluation.inline(step, {"step": jnp.int32(step)})
    assert [(record.step, record.status) for record in evaluation.records] == [
        (1, "skipped"),
        (2, "skipped"),
        (3, "skipped"),
        (0, "done"),
        (4, "done"),
    ]
    with pytest.raises(ValueError, match="when_busy"):
        Overlapped("sometimes")
