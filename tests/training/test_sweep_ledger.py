"""What a sweep keeps, and what it tells, when checkpoints, metrics and processes change or go."""

from __future__ import annotations

import json
import os
import shutil

import numpy as np
import orbax.checkpoint as ocp
import pytest

from evalkit.errors import CheckpointError, LoggerError
from evalkit.evaluations.checkpoint import Checkpoint
from evalkit.metrics import exact_match, mean_log_likelihood
from tests.training.bigrams import letters_task, save
from tests.training.full_disk import fillable_disk
from tests.training.sweeps import failing, lines, moody, points, share, sweep


def test_results_of_checkpoints_that_are_gone_are_still_reported(copied, tmp_path):
    sweep(tmp_path / "results").run(copied)
    shutil.rmtree(copied / "0")
    report = sweep(tmp_path / "results").run(copied)
    assert [entry.step for entry in report.entries] == [0, 50, 100]


def test_a_checkpoint_that_is_deleted_while_others_are_evaluated(copied, tmp_path):
    def delete(progress):
        shutil.rmtree(copied / "50", ignore_errors=True)

    report = sweep(tmp_path / "results").run(copied, delete)
    assert [entry.step for entry in report.entries] == [0, 100]
    assert list(report.lost) == [50]
    report.raise_failures()


def test_a_training_begun_anew_takes_the_place_of_the_former(copied, tmp_path):
    results = tmp_path / "results"
    sweep(results).run(copied)
    save(tmp_path / "other", 0, 100)
    for step, of in ((0, 100), (100, 0)):
        shutil.rmtree(copied / str(step))
        shutil.move(tmp_path / "other" / str(of), copied / str(step))
    before = sweep(results).report(copied)
    assert [entry.step for entry in before.entries] == [50]
    report = sweep(results).run(copied)
    values = [(entry.step, entry.metrics["exact_match"]) for entry in report.entries]
    assert (values[0], values[2]) == ((0, 1.0), (100, 0.0))
    assert report.best("exact_match").entry.step == 0
    assert [(step, metrics["exact_match"]) for step, _, metrics in lines(results)] == values
    shown = points(results)
    assert [shown[step, "eval/letters/exact_match"] for step, _ in values] == [[pytest.approx(v)] for _, v in values]


def test_of_a_metric_that_changed_there_is_one_point(checkpoints, tmp_path):
    sweep(tmp_path, letters_task(metric_fns=[share])).run(checkpoints)
    sweep(tmp_path, letters_task(metric_fns=[exact_match])).run(checkpoints)
    assert {tag for _, tag in points(tmp_path)} == {"eval/letters/exact_match"}
    assert {name for _, _, metrics in lines(tmp_path) for name in metrics} == {"exact_match"}
    asked = []
    sweep(tmp_path, letters_task(metric_fns=[share])).run(checkpoints, asked.append)
    assert points(tmp_path).keys() == {(step, "eval/letters/share") for step in (0, 50, 100)}
    assert {progress.num_done for progress in asked} == {60}


def test_checkpoints_of_two_trainings_share_a_place_on_the_curve(checkpoints, tmp_path):
    other = save(tmp_path / "other", 0)
    (other / "0").rename(other / "100")
    for folder, value in ((checkpoints, 1.0), (other, 0.0), (checkpoints, 1.0)):
        report = sweep(tmp_path / "results").evaluate(Checkpoint.find(folder, 100))
        assert [entry.metrics["exact_match"] for entry in report.entries] == [value]
        assert points(tmp_path / "results")[100, "eval/letters/exact_match"] == [value]
    assert [(step, task) for step, task, _ in lines(tmp_path / "results")] == [(100, "letters")] * 2


def test_a_retry_without_values_leaves_no_point(checkpoints, tmp_path, monkeypatch):
    task = letters_task(metric_fns=[moody, failing])
    sweep(tmp_path, task).run(checkpoints)
    assert points(tmp_path) == {(step, "eval/letters/mood"): [1.0] for step in (0, 50, 100)}
    monkeypatch.setenv("EVALKIT_TESTS_MOOD", "bad")
    sweep(tmp_path, task).run(checkpoints)
    assert points(tmp_path) == {}
    assert lines(tmp_path) == [(step, "letters", {}) for step in (0, 50, 100)]


def test_events_that_were_deleted_are_written_again(checkpoints, tmp_path):
    report = sweep(tmp_path).run(checkpoints)
    shown = points(tmp_path)
    for path in tmp_path.glob("events.*"):
        path.unlink()
    assert sweep(tmp_path).run(checkpoints) == report
    assert points(tmp_path) == shown
    sweep(tmp_path, log_dir=tmp_path / "elsewhere").run(checkpoints)
    assert points(tmp_path / "elsewhere") == shown


def test_results_of_other_tasks_and_checkpoints_stay(checkpoints, tmp_path):
    sweep(tmp_path, letters_task("a")).run(checkpoints)
    report = sweep(tmp_path, letters_task("b")).evaluate(Checkpoint.find(checkpoints, 50))
    assert [(entry.step, entry.task) for entry in report.entries] == [(50, "b")]
    assert [line[:2] for line in lines(tmp_path)] == [(0, "a"), (50, "a"), (50, "b"), (100, "a")]
    report = sweep(tmp_path, letters_task("b")).run(checkpoints)
    assert report.tasks == ["b"]
    assert len(lines(tmp_path)) == 6


def test_a_checkpoint_that_was_evaluated_alone_is_of_its_training(copied, tmp_path):
    sweep(tmp_path / "results").evaluate(Checkpoint.find(copied, 50))
    shutil.rmtree(copied / "50")
    assert [entry.step for entry in sweep(tmp_path / "results").report(copied).entries] == [50]


def test_what_was_damaged_and_is_mended_is_not_damaged(copied, tmp_path):
    (copied / "notes_2024").mkdir()
    shutil.rmtree(copied / "50")
    with ocp.CheckpointManager(copied) as manager:
        manager.save(150, args=ocp.args.StandardSave({"params": {"other": np.zeros(3)}}))
    same = sweep(tmp_path / "results")
    assert list(same.run(copied).damaged) == [150]
    shutil.rmtree(copied / "150")
    save(copied, 150)
    report = same.run(copied)
    assert [entry.step for entry in report.entries] == [0, 100, 150]
    assert not report.damaged


def test_a_checkpoint_that_was_lost_after_some_of_its_tasks(copied, tmp_path):
    def stop(progress):
        if (progress.step, progress.task) == (50, "b"):
            raise KeyboardInterrupt

    def delete(progress):
        shutil.rmtree(copied / "50", ignore_errors=True)

    tasks = [letters_task("a"), letters_task("b")]
    with pytest.raises(KeyboardInterrupt):
        sweep(tmp_path / "results", tasks).run(copied, stop)
    report = sweep(tmp_path / "results", tasks).run(copied, delete)
    assert [(entry.step, entry.task) for entry in report.entries if entry.step == 50] == [(50, "a")]
    assert list(report.lost) == [50]
    assert report.lost[50].startswith("It was deleted before it was evaluated on 'b'.")
    assert list(sweep(tmp_path / "results", tasks).report(copied).lost) == [50]


def test_a_task_whose_outputs_are_kept_does_not_need_the_checkpoint(copied, tmp_path):
    def delete(progress):
        if progress.step == 50:
            shutil.rmtree(copied / "50", ignore_errors=True)

    sweep(tmp_path / "results", letters_task("b", metric_fns=[exact_match])).run(copied)
    tasks = [letters_task("a", metric_fns=[mean_log_likelihood]), letters_task("b", metric_fns=[share])]
    report = sweep(tmp_path / "results", tasks).run(copied, delete)
    assert [(entry.step, entry.task) for entry in report.entries if entry.step == 50] == [(50, "b")]
    assert list(report.lost) == [50]


@pytest.mark.parametrize("error", [ValueError("the bar broke"), CheckpointError("not of yours"), KeyboardInterrupt()])
def test_what_the_callback_raises_comes_through_and_results_are_written(checkpoints, tmp_path, error):
    def tell(progress):
        if progress.step == 50 and progress.num_done:
            raise error

    with pytest.raises(type(error)) as caught:
        sweep(tmp_path).run(checkpoints, tell)
    assert caught.value is error
    assert [step for step, *_ in lines(tmp_path)] == [0]
    report = sweep(tmp_path).run(checkpoints)
    assert [entry.status for entry in report.entries] == ["done"] * 3


def test_the_first_error_is_told_where_results_cannot_be_written_either(checkpoints, tmp_path):
    with fillable_disk() as allow:

        def fill(progress):
            if progress.step == 50:
                allow(10)

        with pytest.raises(LoggerError, match="step_00000050") as caught:
            sweep(tmp_path).run(checkpoints, fill)
    assert "results.jsonl is not up to date: A sweep cannot write" in caught.value.__notes__[0]


def test_what_a_killed_sweep_left_unfinished_is_deleted(checkpoints, tmp_path, monkeypatch):
    results, log = tmp_path / "results", tmp_path / "log"

    def stop(source, target, rename=os.replace):
        if "tfevents" in os.fspath(target):
            raise KeyboardInterrupt
        rename(source, target)

    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(os, "replace", stop)
        sweep(results, log_dir=log).run(checkpoints)
    [unfinished] = log.iterdir()
    [rows] = results.glob("step_*/letters-*/*.jsonl")
    left = [
        unfinished,
        log / f"{unfinished.name}.4242.tmp",
        rows.with_name("result.json.4242.tmp"),
        results / "results.jsonl.4242.tmp",
    ]
    foreign = [log / ".sweep-0123456789ab", results / "notes.4242.tmp"]
    for path in (*left, *foreign):
        path.touch()
    sweep(results, log_dir=log).run(checkpoints)
    assert not any(path.exists() for path in left)
    assert all(path.exists() for path in foreign)


def test_a_record_that_was_changed_is_not_used(checkpoints, tmp_path):
    report = sweep(tmp_path).run(checkpoints)
    for path, content in zip(sorted(tmp_path.glob("step_*/*/result.json")), ("[]", "{", None), strict=True):
        document = json.loads(path.read_text())
        del document["counts"]
        path.write_text(json.dumps(document) if content is None else content)
    assert sweep(tmp_path).report(checkpoints).entries == ()
    assert sweep(tmp_path).run(checkpoints) == report


def test_the_same_parameters_at_another_step_of_another_run_are_not_told_as_of_this_one(checkpoints, tmp_path):
    sweep(tmp_path / "results").run(checkpoints)
    other = tmp_path / "other"
    shutil.copytree(checkpoints / "50", other / "100")
    shutil.copytree(checkpoints / "100", other / "50")
    report = sweep(tmp_path / "results").run(other)
    assert [entry.step for entry in report.entries] == [50, 100]
    assert report.best("exact_match").entry.step == 50
