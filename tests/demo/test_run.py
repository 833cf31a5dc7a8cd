"""The demo as a whole, with few steps: task, trainer, Evaluator, loggers."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

from evalkit.demo.addition import ADDITION, NUM_HELD_OUT, sums


def test_no_sum_is_both_trained_on_and_held_out():
    splits = sums()
    assert len(splits["validation"]["question"]) == NUM_HELD_OUT
    assert len(splits["train"]["question"]) + NUM_HELD_OUT == 100 * 100
    assert not set(splits["train"]["question"]) & set(splits["validation"]["question"])


def test_the_answers_are_right():
    for columns in sums().values():
        for question, answer in zip(columns["question"], columns["answer"], strict=True):
            first, second = question.removesuffix("=").split("+")
            assert int(first) + int(second) == int(answer)


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    """What `evalkit demo` printed and wrote in ten steps."""
    folder = tmp_path_factory.mktemp("demo")
    arguments = ["demo", "--steps=10", "--eval_every=5", f"--log_dir={folder}"]
    command = [sys.executable, "-c", "from evalkit import cli; cli.main()", *arguments]
    result = subprocess.run(command, capture_output=True, text=True)
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


def test_the_demo_writes_metrics_outputs_and_events(finished):
    folder, _ = finished
    metrics = [json.loads(line) for line in (folder / "addition-metrics.jsonl").read_text().splitlines()]
    assert [row["step"] for row in metrics] == [0, 5, 10]
    assert metrics[-1]["mean_log_likelihood"] > metrics[0]["mean_log_likelihood"]
    outputs = [json.loads(line) for line in (folder / "addition-000010.jsonl").read_text().splitlines()]
    assert len(outputs) == NUM_HELD_OUT
    assert {"input", "target", "prediction", "score"} <= set(outputs[0])
    assert list(folder.rglob("events.out.tfevents.*"))


def test_the_task_has_a_metric_of_each_kind():
    assert len(ADDITION.predict_metric_fns) == 1
    assert len(ADDITION.score_metric_fns) == 1
