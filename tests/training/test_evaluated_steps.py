"""Whatever the policy, however slow evaluators are, wherever training is cut off and resumed: each step that is due
has one record, and what it holds is of the parameters of that step.
"""

from __future__ import annotations

import functools
import os
import random
import tempfile
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


def slow_metric(seconds, runs, name):
    def seen(targets, predictions):
        time.sleep(seconds())
        [step] = set(predictions)
        runs.append((name, int(step)))
        return {"step": int(step)}

    return functools.partial(trained.spanish, seen, name)


def run(log_dir, schedule, mode, seconds, steps):
    """Trains from the first of `steps` to the last, and is interrupted there if training is not at its end."""
    runs = []
    often, seldom = (slow_metric(seconds, runs, name) for name in ("often", "seldom"))
    params = {"step": jnp.int32(steps[0])}
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
                evaluation.inline(step, params)
                after = {"step": params["step"] + 1}
                params["step"].delete()  # as donation does
                params = after
            if steps[-1] < schedule.num_steps:
                raise Interrupted
    except Interrupted:
        pass
    return runs


def due_pairs(schedule, steps):
    for step in steps:
        due = schedule.due(step)
        yield from (("often", step) for _ in range(due.frequent))
        yield from (("seldom", step) for _ in range(due.infrequent))


MODES = st.sampled_from([InLoop(), Overlapped("wait"), Overlapped("latest"), Overlapped("skip")])
RESUMES = st.lists(st.tuples(st.integers(0, 12), st.integers(0, 6), st.integers(0, 2)), max_size=2)


@settings(max_examples=CASES, deadline=None)
@given(st.integers(0, 12), st.integers(0, 5), st.integers(0, 7), MODES, RESUMES, st.integers(0, 2**32), st.data())
def test_each_step_that_is_due_has_one_record(num_steps, every, infrequent, mode, resumes, seed, data):
    schedule = EvalSchedule(
        num_steps, every, infrequent, at_start=data.draw(st.booleans()), at_end=data.draw(st.booleans())
    )
    generator = random.Random(seed)

    def seconds():
        return generator.choice([0.0, 0.0, 0.001, 0.004])

    with tempfile.TemporaryDirectory() as log_dir:
        begin, logged = 0, set()
        for end, back, cut in [*resumes, (num_steps, 0, 0)]:
            end = min(max(end, begin), num_steps)
            steps = range(begin, end + 1)
            runs = run(log_dir, schedule, mode, seconds, steps)
            assert len(runs) == len(set(runs))
            assert not set(runs) & logged  # nothing that is logged is repeated
            wanted = logged | set(due_pairs(schedule, steps))
            found = [(record.evaluator, record.step) for record in read_records(log_dir)]
            assert len(found) == len(set(found))
            if end == num_steps:
                assert set(found) == wanted
                break
            assert set(found) <= wanted  # what waited for its turn is done when training comes by again
            logged = cut_off(Path(log_dir, LEDGER), cut)
            begin = max(end - back, 0)
        records = read_records(log_dir)
        for record in records:
            assert record.status == "skipped" or record.metrics == {record.evaluator: {"step": record.step}}
        skipped = {(record.evaluator, record.step) for record in records if record.status == "skipped"}
        assert not skipped or mode in (Overlapped("latest"), Overlapped("skip"))
        assert num_steps not in {step for _, step in skipped}


def cut_off(path, lines):
    """What is logged if a kill came so many records before the end, and in the middle of the first of them."""
    if lines and path.exists():
        kept = path.read_bytes().splitlines(keepends=True)
        path.write_bytes(b"".join([*kept[:-lines], *(line[:20] for line in kept[-lines:][:1])]))
    return {(record.evaluator, record.step) for record in read_records(path.parent)}


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
