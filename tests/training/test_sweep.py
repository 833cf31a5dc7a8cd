from __future__ import annotations

import dataclasses
import json
import math

import numpy as np
import orbax.checkpoint as ocp
import pytest

from evalkit.errors import (
    ArgumentError,
    ArgumentTypeError,
    DuplicateNameError,
    EvaluationError,
    InUseError,
    LoggerError,
)
from evalkit.evaluations.checkpoint import Checkpoint
from evalkit.metrics import exact_match, mean_log_likelihood
from evalkit.training import CheckpointModel, CheckpointSweep
from evalkit.training.sweep_files import SweepFiles
from tests.training.bigrams import SIZE, TEMPLATE, letters_task, model, save
from tests.training.sweeps import failing, points, share, sweep


def finish_reasons(targets, predictions, aux_values):
    return {"long": aux_values["finish_reasons"].tolist().count("length")}


def test_every_checkpoint_is_evaluated_once(checkpoints, tmp_path):
    asked = []
    report = sweep(tmp_path).run(checkpoints, asked.append)
    assert [entry.step for entry in report.entries] == [0, 50, 100]
    values = [entry.metrics["exact_match"] for entry in report.entries]
    assert values == sorted(values)
    assert values[::2] == [0.0, 1.0]
    assert [entry.counts.correct / entry.counts.total for entry in report.entries] == values
    assert {progress.num_left for progress in asked} == {3, 2, 1}
    assert asked[0][:5] == (0, "letters", "prediction", 0, 60)
    asked.clear()
    assert sweep(tmp_path).run(checkpoints, asked.append) == report
    assert asked == []


def test_what_is_written(checkpoints, tmp_path):
    report = sweep(tmp_path / "results", log_dir=tmp_path / "log").run(checkpoints)
    lines = [json.loads(line) for line in (tmp_path / "results/results.jsonl").read_text().splitlines()]
    assert [(line["step"], line["metrics"]) for line in lines] == [(e.step, e.metrics) for e in report.entries]
    rows = [json.loads(line) for line in (tmp_path / "results" / lines[2]["rows"]).read_text().splitlines()]
    assert len(rows) == 60
    assert all(row["target"] == row["prediction"] for row in rows)
    tags = ("eval/letters/exact_match", "eval/letters/mean_log_likelihood")
    expected = {(e.step, tag): [e.metrics[tag.split("/")[-1]]] for e in report.entries for tag in tags}
    assert points(tmp_path / "log") == {at: pytest.approx(values) for at, values in expected.items()}


def test_a_metric_that_changes_judges_what_is_kept(checkpoints, tmp_path):
    sweep(tmp_path).run(checkpoints)
    asked = []
    report = sweep(tmp_path, letters_task(metric_fns=[share])).run(checkpoints, asked.append)
    assert [entry.metrics["share"] for entry in report.entries][::2] == [0.0, 1.0]
    assert {(progress.kind, progress.num_done) for progress in asked} == {("prediction", 60)}


def test_other_examples_or_another_model_are_evaluated_anew(checkpoints, tmp_path):
    sweep(tmp_path).run(checkpoints)
    for other in (
        sweep(tmp_path, num_examples=20),
        sweep(tmp_path, letters_task(count=61)),
        CheckpointSweep(model(sequence_length={"targets": 1}), letters_task(), tmp_path),
    ):
        asked = []
        other.run(checkpoints, asked.append)
        assert {progress.num_done for progress in asked} >= {0}


def test_answers_are_those_of_one_call_whatever_the_batch(checkpoints, tmp_path):
    greedy = model(sampling=None)
    small = CheckpointSweep(greedy, letters_task(), tmp_path / "a", batch_size=7).run(checkpoints)
    large = CheckpointSweep(greedy, letters_task(), tmp_path / "b", batch_size=1000).run(checkpoints)
    assert [(e.step, e.metrics) for e in small.entries] == [(e.step, e.metrics) for e in large.entries]


def test_predictions_with_what_belongs_to_them_are_asked_for_once(checkpoints, tmp_path):
    asked = []
    task = letters_task(metric_fns=[exact_match, finish_reasons])
    report = sweep(tmp_path, task).run(checkpoints, asked.append)
    assert {progress.kind for progress in asked} == {"prediction_with_aux"}
    assert report.entries[-1].metrics == {"exact_match": 1.0, "long": 60}


def test_what_fails_is_told_and_tried_again(checkpoints, tmp_path):
    report = sweep(tmp_path, [letters_task(metric_fns=[exact_match, failing]), letters_task("more")]).run(checkpoints)
    [_, _, last] = report.of_task("letters")
    assert last.status == "failed"
    assert last.metrics == {"exact_match": 1.0}
    assert "no such answer" in last.failures[0]
    assert [entry.status for entry in report.of_task("more")] == ["done"] * 3
    with pytest.raises(EvaluationError, match=r"3 failure\(s\) in this sweep"):
        report.raise_failures()
    asked = []
    sweep(tmp_path, letters_task(metric_fns=[exact_match, failing])).run(checkpoints, asked.append)
    assert {progress.num_done for progress in asked} == {60}
    assert set(map(len, points(tmp_path).values())) == {1}


def test_a_model_that_gives_nan_fails_alone(tmp_path):
    folder = save(tmp_path / "run", 50)
    with ocp.CheckpointManager(folder) as manager:
        bad = {"table": np.full((SIZE, SIZE), np.nan, np.float32)}
        manager.save(60, args=ocp.args.StandardSave({"params": bad}))
        manager.save(70, args=ocp.args.StandardSave({"params": {"other": np.zeros(3)}}))
    report = sweep(tmp_path / "results").run(folder)
    assert [(entry.step, entry.status) for entry in report.entries] == [(50, "done"), (60, "failed")]
    assert report.entries[1].counts.failed == 60
    assert list(report.damaged) == [70]
    with pytest.raises(EvaluationError, match="2 failure"):
        report.raise_failures()


def test_rows_that_were_changed_do_not_count(checkpoints, tmp_path):
    report = sweep(tmp_path).run(checkpoints)
    rows = report.entries[1].rows
    with open(rows, "a") as file:
        file.write("{}\n")
    asked = []
    assert sweep(tmp_path).run(checkpoints, asked.append) == report
    assert {(progress.step, progress.num_done) for progress in asked} == {(50, 60)}


def test_two_sweeps_of_one_folder(checkpoints, tmp_path):
    other = sweep(tmp_path)
    with SweepFiles(tmp_path).locked(), pytest.raises(InUseError, match=r"is being written by process \d+ on"):
        other.run(checkpoints)
    other.run(checkpoints)


def test_one_checkpoint(checkpoints, tmp_path):
    report = sweep(tmp_path).evaluate(Checkpoint.find(checkpoints))
    assert [(entry.step, entry.metrics["exact_match"]) for entry in report.entries] == [(100, 1.0)]
    assert sweep(tmp_path).report(checkpoints) == report


def test_the_best_checkpoint(checkpoints, tmp_path):
    report = sweep(tmp_path, [letters_task(), letters_task("more", metric_fns=[mean_log_likelihood])]).run(checkpoints)
    best = report.best("exact_match")
    assert (best.entry.step, best.metric, best.value, best.order) == (100, "letters/exact_match", 1.0, "highest")
    assert report.best("letters/exact_match", "lowest").entry.step == 0
    with pytest.raises(ArgumentError, match="one of several tasks. Say which: 'letters/mean_log_likelihood'"):
        report.best("mean_log_likelihood")
    with pytest.raises(ArgumentError, match="No task of the sweep has a metric 'exact_mach'. Nearest: 'exact_match'"):
        report.best("exact_mach")
    with pytest.raises(ArgumentError, match="order must be 'highest', 'lowest' or None"):
        report.best("exact_match", "best")
    values = (2, 1, math.nan, 1, 3, 4)
    renamed = [dataclasses.replace(e, metrics={"eval_loss": v}) for e, v in zip(report.entries, values, strict=True)]
    losses = dataclasses.replace(report, entries=tuple(dataclasses.replace(e, task="t") for e in renamed))
    assert losses.best("eval_loss")[2:] == (1, "lowest", 2)
    nothing = dataclasses.replace(losses, entries=(dataclasses.replace(losses.entries[0], metrics={"x": math.nan}),))
    with pytest.raises(ArgumentError, match="has no finite value"):
        nothing.best("x")


def test_arguments_that_cannot_work(checkpoints, tmp_path):
    with pytest.raises(ArgumentTypeError, match="model must be a CheckpointModel"):
        CheckpointSweep(model().engine, letters_task(), tmp_path)
    with pytest.raises(ArgumentError, match="There are no tasks"):
        CheckpointSweep(model(), [], tmp_path)
    with pytest.raises(DuplicateNameError, match="'letters' is there 2 times"):
        sweep(tmp_path, [letters_task(), letters_task()])
    with pytest.raises(ArgumentError, match="no split 'dev', but .* say which as `split`"):
        sweep(tmp_path, split="dev")
    with pytest.raises(ArgumentError, match="has no metrics"):
        sweep(tmp_path, letters_task(metric_fns=[]))
    with pytest.raises(ArgumentError, match="batch_size must be at least 1"):
        sweep(tmp_path, batch_size=0)
    with pytest.raises(ArgumentError, match="results_dir must be a folder on this machine"):
        sweep("gs://somewhere")
    (tmp_path / "file").write_text("")
    with pytest.raises(LoggerError, match="file"):
        sweep(tmp_path / "file")


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"engine": None}, "engine must be an Engine"),
        ({"template": {}}, "template has no arrays"),
        ({"template": {"table": 3}}, "template holds 3"),
        ({"feature_converter": 3}, "feature_converter must be one"),
        ({"params_at": None}, "params_at must be a string"),
        ({"sampling": 3}, "sampling must be SamplingParams or None"),
    ],
)
def test_a_model_checks_itself(changed, message):
    parts = {"engine": model().engine, "template": TEMPLATE, "feature_converter": model().feature_converter, **changed}
    with pytest.raises(ArgumentError, match=message):
        CheckpointModel(**parts)
