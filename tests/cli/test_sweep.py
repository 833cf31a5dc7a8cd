"""`evalkit evaluate` and `evalkit sweep`: the model comes from a function, and results are shown and kept."""

from __future__ import annotations

import json
import sys

import pytest

from tests.training import bigrams

MODULE = """
from evalkit import TaskRegistry
from tests.training import bigrams

bigrams.register()


def stopping(targets, predictions):
    # Fails at step 0, where nothing is right, and is interrupted at step 100, where all is.
    if targets == predictions:
        raise KeyboardInterrupt
    return {"known": 1 / sum(map(str.__eq__, targets, predictions))}


def stopping_at_once(targets, predictions):
    raise KeyboardInterrupt


for metric in (stopping, stopping_at_once):
    TaskRegistry.add(metric.__name__, **bigrams.letters_parts(metric_fns=[metric]), override=True)


def build():
    return bigrams.model()


def wrong():
    return 3


def failing():
    return 1 / 0
"""


@pytest.fixture(scope="module")
def checkpoints(tmp_path_factory):
    return bigrams.save(tmp_path_factory.mktemp("run") / "checkpoints", 0, 50, 100)


@pytest.fixture
def command(evalkit_command, tmp_path, monkeypatch):
    (tmp_path / "my_letters.py").write_text(MODULE, encoding="utf-8")

    def run(name, *arguments, model="my_letters:build", tasks="letters"):
        monkeypatch.delitem(sys.modules, "my_letters", raising=False)
        flags = (f"--tasks={tasks}", f"--model={model}", "--import=my_letters")
        return evalkit_command(name, *arguments, *flags)

    yield run
    sys.modules.pop("my_letters", None)


def test_a_sweep_shows_a_table_a_curve_and_the_best(command, checkpoints, tmp_path):
    result = command("sweep", str(checkpoints), "--best=exact_match", "--results_dir=results")
    assert result.status == 0, result.err
    assert "100            1" in result.out
    assert "letters: exact_match" in result.out
    assert "•" in result.out
    assert "Best:      step 100, exact_match 1 (the highest was taken)" in result.out
    lines = (tmp_path / "results/results.jsonl").read_text().splitlines()
    assert [json.loads(line)["step"] for line in lines] == [0, 50, 100]
    assert result.out.strip().endswith("tensorboard --logdir results")


def test_results_stand_beside_the_checkpoints(command, checkpoints):
    result = command("sweep", str(checkpoints), "--best=exact_match", "--best_is=lowest")
    assert result.status == 0, result.err
    assert "Best:      step 0, exact_match 0 (the lowest was taken)" in result.out
    assert (checkpoints.parent / "sweep/results.jsonl").exists()


def test_a_sweep_that_follows(command, checkpoints):
    flags = ("--results_dir=results", "--follow", "--until_step=100", "--poll=0.1")
    result = command("sweep", str(checkpoints), *flags)
    assert result.status == 0, result.err
    assert "3 results so far; waiting for more checkpoints" in result.out


def test_what_there_is_is_shown_where_the_best_cannot_be_told(command, checkpoints):
    result = command("sweep", str(checkpoints), "--best=exact_mach", "--results_dir=results")
    assert result.status == 1
    assert "100            1" in result.out
    assert "Results:   results/results.jsonl" in result.out
    assert "No task of the sweep has a metric 'exact_mach'. Nearest: 'exact_match'" in result.err


def test_what_there_is_is_shown_after_an_interruption(command, checkpoints, tmp_path):
    arguments = ("sweep", str(checkpoints), "--results_dir=results", "--poll=0.05")
    result = command(*arguments, "--best=no", tasks="stopping")
    assert result.status == 130
    assert "Best:      not known. No task of the sweep has a metric 'no'" in result.out
    assert result.out.endswith("Results:   results/results.jsonl\nCurves:    tensorboard --logdir results\n")
    lines = map(json.loads, (tmp_path / "results/results.jsonl").read_text().splitlines())
    assert [(line["step"], line["status"]) for line in lines] == [(0, "failed"), (50, "done")]
    result = command(*arguments, "--follow", tasks="stopping")
    assert result.status == 1
    assert "Results:   results/results.jsonl" in result.out
    assert "1 failure(s) in this sweep" in result.err
    result = command(*arguments, tasks="stopping_at_once")
    assert result.status == 130
    assert "There are no results." in result.out


def test_one_checkpoint(command, checkpoints, tmp_path):
    result = command("evaluate", f"--checkpoint={checkpoints}", "--output_dir=here")
    assert result.status == 0, result.err
    assert f"Checkpoint {checkpoints}/100/default, step 100:" in result.out
    assert "here/step_00000100-" in result.out
    assert command("evaluate", f"--checkpoint={checkpoints}", "--output_dir=here").out == result.out


@pytest.mark.parametrize(
    ("model", "message"),
    [
        ("my_letters", "expected module:function"),
        ("no_such_module:build", "there is no module 'no_such_module'"),
        ("my_letters:biuld", "has no function 'biuld'. Nearest: 'build'"),
        ("my_letters:wrong", "returned int; expected an evalkit.training.CheckpointModel"),
        ("my_letters:failing", "the function raised ZeroDivisionError: division by zero"),
    ],
)
def test_a_model_that_is_not_there(command, checkpoints, model, message):
    result = command("sweep", str(checkpoints), model=model)
    assert result.status == 1
    assert message in result.err


def test_wrong_usage(command, checkpoints, tmp_path):
    assert "takes one folder with checkpoints, found 0" in command("sweep").err
    assert "takes only flags" in command("evaluate", "more", f"--checkpoint={checkpoints}").err
    assert "end --follow, which is not given" in command("sweep", str(checkpoints), "--until_step=3").err
    assert "Say with --results_dir" in command("sweep", "gs://bucket/run").err
    (tmp_path / "empty").mkdir()
    assert "is empty" in command("sweep", str(tmp_path / "empty")).err
