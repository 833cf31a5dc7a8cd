"""The demo as a whole, with few steps: tasks, trainer, inline evaluation, checkpoints, and what becomes of a kill."""

from __future__ import annotations

import dataclasses
import json
import signal
import subprocess
import sys
import time

import jax
import numpy as np
import orbax.checkpoint as ocp
import pytest

from evalkit.demo.addition import ADDITION, NUM_HELD_OUT, sums
from evalkit.demo.arithmetic import ARITHMETIC, LENGTHS, NUM_HELD_OUT_DIFFERENCES, SUBTRACTION, differences
from evalkit.demo.evaluators import checkpoint_model
from evalkit.demo.run import CHECKPOINTS, run
from evalkit.demo.training import TrainingPlan
from evalkit.errors import ArgumentError
from evalkit.evaluations.checkpoint import Checkpoint

EVALKIT = [sys.executable, "-c", "from evalkit import cli; cli.main()"]
FLAGS = ["demo", "--steps=10", "--eval_every=5", "--checkpoint_every=4"]
PLAN = TrainingPlan(num_steps=10, eval_every=5, infrequent_eval_every=20, checkpoint_every=4)  # of those flags


@pytest.mark.parametrize(("splits", "held_out"), [(sums(), NUM_HELD_OUT), (differences(), NUM_HELD_OUT_DIFFERENCES)])
def test_nothing_is_both_trained_on_and_held_out(splits, held_out):
    assert len(splits["validation"]["question"]) == held_out
    assert not set(splits["train"]["question"]) & set(splits["validation"]["question"])


def test_all_sums_are_there():
    assert sum(len(columns["question"]) for columns in sums().values()) == 100 * 100


def test_the_answers_are_right():
    for sign, splits in (("+", sums()), ("-", differences())):
        for columns in splits.values():
            for question, answer in zip(columns["question"], columns["answer"], strict=True):
                first, second = map(int, question.removesuffix("=").split(sign))
                assert (first + second if sign == "+" else first - second) == int(answer)
                assert len(question) <= LENGTHS["inputs"]
                assert len(answer) < LENGTHS["targets"]


def test_the_tasks_have_a_metric_of_each_kind():
    for task in (ADDITION, SUBTRACTION):
        assert len(task.predict_metric_fns) == 1
        assert len(task.score_metric_fns) == 1
    assert ARITHMETIC.tasks == [ADDITION, SUBTRACTION]


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    """What `evalkit demo` printed and wrote in ten steps."""
    folder = tmp_path_factory.mktemp("demo")
    result = subprocess.run([*EVALKIT, *FLAGS, f"--log_dir={folder}"], capture_output=True, text=True)
    assert result.returncode == 0, result.stderr
    return folder, result.stdout


def test_the_demo_says_last_how_to_look(finished):
    folder, printed = finished
    assert printed.splitlines()[-1].endswith(f"tensorboard --logdir {folder}")


def test_the_demo_shows_a_row_for_each_evaluation(finished):
    _, printed = finished
    lines = printed.splitlines()
    [heading] = [line for line in lines if "training_loss" in line]
    assert heading.split() == ["step", "training_loss", "exact_match", "mean_log_likelihood"]
    assert [line.split()[0] for line in lines if line.strip()[:1].isdigit()] == ["0", "5", "10"]


def test_the_demo_writes_metrics_outputs_events_and_checkpoints(finished):
    folder, _ = finished
    metrics = rows_of(folder / "addition-metrics.jsonl")
    assert [row["step"] for row in metrics] == [0, 5, 10]
    assert metrics[-1]["mean_log_likelihood"] > metrics[0]["mean_log_likelihood"]
    outputs = rows_of(folder / "addition-000010.jsonl")
    assert len(outputs) == NUM_HELD_OUT
    assert {"input", "target", "prediction", "score"} <= set(outputs[0])
    assert list(folder.glob("events.out.tfevents.*"))
    assert sorted(path.name for path in (folder / CHECKPOINTS).glob("[0-9]*")) == ["10", "4", "8"]


def test_the_line_for_a_sweep_works(finished):
    _, printed = finished
    [line] = [line for line in printed.splitlines() if line.startswith("Sweep:")]
    command = line.split()[1:]
    assert command[0] == "evalkit"
    result = subprocess.run([*EVALKIT, *command[1:]], capture_output=True, text=True)
    assert result.returncode == 0, result.stderr
    assert "exact_match" in result.stdout


def rows_of(path):
    return [json.loads(line) for line in path.read_text().splitlines()]


def params_at(folder, step):
    model = checkpoint_model()
    return model.restore(Checkpoint.find(folder / CHECKPOINTS, step))


def evaluated(folder):
    """What the ledger has, without times."""
    return [(row["evaluator"], row["step"], row["status"], row["metrics"]) for row in ledger(folder)]


def ledger(folder):
    return rows_of(folder / "inline_evaluations.jsonl")


def same(tree, other):
    return jax.tree.all(jax.tree.map(np.array_equal, tree, other))


def test_a_run_that_was_cut_off_goes_on_to_the_same_parameters_and_evaluations(finished, tmp_path):
    class CutOff(Exception):
        pass

    def cut_off(step, loss):
        if step == 7:
            raise CutOff

    with pytest.raises(CutOff):
        run(tmp_path, PLAN, cut_off)
    made = []
    done = run(tmp_path, PLAN, lambda step, loss: made.append(step))
    assert made == [5, 6, 7, 8, 9, 10]  # from the checkpoint of step 4
    assert int(done.state.step) == 10
    assert same(done.state.params, params_at(finished[0], 10))
    assert sorted(evaluated(tmp_path), key=str) == sorted(evaluated(finished[0]), key=str)
    assert len(done.records) == 5
    losses = [row["step"] for row in rows_of(tmp_path / "training-metrics.jsonl")]
    assert losses == [5, 10]  # step 5 was made twice
    assert same(run(tmp_path, PLAN).state.params, done.state.params)  # nothing is left to do


def test_a_run_that_was_killed_goes_on_to_the_same_parameters_and_evaluations(finished, tmp_path):
    command = [*EVALKIT, *FLAGS, f"--log_dir={tmp_path}"]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        deadline = time.monotonic() + 120
        while not (tmp_path / CHECKPOINTS / "4").exists() and time.monotonic() < deadline:
            time.sleep(0.01)
        process.send_signal(signal.SIGKILL)
    assert process.returncode == -signal.SIGKILL
    assert (tmp_path / CHECKPOINTS / "4").exists()
    result = subprocess.run(command, capture_output=True, text=True)
    assert result.returncode == 0, result.stderr
    assert same(params_at(tmp_path, 10), params_at(finished[0], 10))
    assert sorted(evaluated(tmp_path), key=str) == sorted(evaluated(finished[0]), key=str)


def test_a_run_with_another_plan_is_refused(finished):
    other = TrainingPlan(num_steps=10, eval_every=5, infrequent_eval_every=20, checkpoint_every=4, seed=1)
    with pytest.raises(ArgumentError, match="has seed 0 and not 1. Pass the same plan"):
        run(finished[0], other)


def test_a_run_on_other_devices_is_refused(tmp_path):
    plan = dataclasses.asdict(PLAN)
    devices = {"num_processes": 1, "num_devices": jax.device_count() + 1, "backend": jax.default_backend()}
    with ocp.CheckpointManager(tmp_path / CHECKPOINTS, metadata={**plan, **devices}):
        pass
    with pytest.raises(ArgumentError, match=r"has num_devices 2 and not 1\. .* on the same devices"):
        run(tmp_path, PLAN)
