"""When and how often failures are reported, and what a failing logger does to the others."""

import gc
import os
import signal
import subprocess
import threading
import weakref

import pytest
import tensorflow as tf

import evalkit
from evalkit import errors
from evalkit.metrics import ModelOutputType
from tests.evaluation.small_task import ANSWERS, answer_targets, exact, failing_step, score_lengths

# When and how often failures are reported.


def fail_at(steps):
    count = iter(range(99))

    def metric(targets, predictions):
        step = next(count)
        if step in steps:
            raise RuntimeError(f"failed at {step}")
        return {"step": step}

    return metric


@pytest.mark.parametrize("asynchronous", [True, False])
def test_a_failure_does_not_poison_later_steps(make_task, make_evaluator, asynchronous):
    evaluator = make_evaluator(make_task(metric_fns=[fail_at({1})]), async_compute_metrics=asynchronous)
    futures = [evaluator.evaluate(step=step, predict_fn=answer_targets)[0] for step in range(3)]
    assert [futures[0].result(), futures[2].result()] == [{"spanish": {"step": 0}}, {"spanish": {"step": 2}}]
    with pytest.raises(errors.EvaluationError, match="Step 1 had 1 failure.*failed at 1"):
        futures[1].result()


class Speechless(Exception):
    def __str__(self):
        raise RuntimeError("no words")


def test_an_exception_whose_message_raises_is_a_failure_as_any_other(make_task, make_evaluator):
    def metric(targets, predictions):
        raise Speechless

    evaluator = make_evaluator(make_task(metric_fns=[metric]))
    failing_step(evaluator, r"raised Speechless: \(its message cannot be told\)", predict_fn=answer_targets)


def test_closing_reports_every_failure_once(make_task, make_evaluator):
    evaluator = make_evaluator(make_task(metric_fns=[fail_at({0, 2})]))
    for step in range(4):
        evaluator.evaluate(step=step, predict_fn=answer_targets)
    with pytest.raises(errors.EvaluationError, match="2 failure.*failed at 0.*failed at 2"):
        evaluator.close()
    evaluator.close()


def test_leaving_the_context_reports_failures(make_task):
    task = make_task(metric_fns=[fail_at({0})])
    converter = evalkit.EncDecFeatureConverter(pack=False)
    with pytest.raises(errors.EvaluationError, match="failed at 0"), evalkit.Evaluator(task, converter) as evaluator:
        evaluator.evaluate(predict_fn=answer_targets)


def test_leaving_the_context_by_an_error_keeps_that_error(make_task):
    task = make_task(metric_fns=[fail_at({0})])
    converter = evalkit.EncDecFeatureConverter(pack=False)
    with pytest.raises(OSError, match="the trainer's own") as caught, evalkit.Evaluator(task, converter) as evaluator:
        evaluator.evaluate(predict_fn=answer_targets)
        raise OSError("the trainer's own")
    assert "failed at 0" in caught.value.__notes__[0]


def test_metrics_are_computed_while_the_model_works(make_task, make_evaluator):
    first_judged = threading.Event()

    def judged(targets, predictions):
        first_judged.set()
        return {"n": len(targets)}

    def predict(dataset):
        if predict.calls:  # the second task's model call waits for the first task's metrics
            assert first_judged.wait(timeout=30)
        predict.calls += 1
        return answer_targets(dataset)

    predict.calls = 0
    mixture = evalkit.Mixture("m", [make_task("a", metric_fns=[judged]), make_task("b")], default_rate=1.0)
    assert make_evaluator(mixture).evaluate(predict_fn=predict)[0].result()["a"] == {"n": 5}


def test_what_was_judged_before_the_model_failed_is_logged_and_reported(make_task, make_evaluator, tmp_path):
    mixture = evalkit.Mixture("m", [make_task("a"), make_task("b", metric_fns=[exact])], default_rate=1.0)
    evaluator = make_evaluator(mixture, logger_cls=[evalkit.JSONLogger], log_dir=str(tmp_path))
    answers = iter([[(i, answer) for i, answer in enumerate(ANSWERS)], [(0, "too few")]])
    with pytest.raises(errors.ModelOutputError, match="Task 'b'"):
        evaluator.evaluate(step=1, predict_fn=lambda _: next(answers))
    evaluator.close()
    assert '"exact":1.0' in (tmp_path / "a-metrics.jsonl").read_text().replace(" ", "")
    assert not (tmp_path / "b-metrics.jsonl").exists()


# Loggers.


class Recording(evalkit.Logger):
    calls: list = []

    def __call__(self, task_name, step, metrics, dataset, inferences, targets):
        Recording.calls.append((task_name, step, metrics, dataset, inferences, targets))


class Broken(evalkit.Logger):
    def __call__(self, task_name, step, metrics, dataset, inferences, targets):
        raise OSError("no space left")


def test_a_logger_that_fails_does_not_stop_the_others(make_evaluator, tmp_path):
    Recording.calls.clear()
    evaluator = make_evaluator(logger_cls=[Broken, Recording], log_dir=str(tmp_path))
    message = "Task 'spanish': logger Broken raised OSError: no space left"
    found = failing_step(evaluator, message, errors.LoggerError, step=0, predict_fn=answer_targets)
    assert found == {"spanish": {"exact": 1.0}}
    ((task, step, metrics, dataset, inferences, targets),) = Recording.calls
    assert (task, step, metrics["exact"].value, targets) == ("spanish", 0, 1.0, ANSWERS)
    assert inferences == {"output": ANSWERS, "prediction": ANSWERS}
    assert [row["targets_pretokenized"].decode() for row in dataset.as_numpy_iterator()] == ANSWERS


def test_a_full_disk(make_evaluator, tmp_path):
    full = tmp_path / "full"
    full.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=32k", "tmpfs", full], capture_output=True, check=False
    )
    if mounted.returncode:
        pytest.skip("mounting a small file system is not permitted here")
    try:
        evaluator = make_evaluator(logger_cls=[evalkit.JSONLogger, Recording], log_dir=str(full))
        metrics, _ = evaluator.evaluate(step=0, predict_fn=answer_targets)
        assert metrics.result() == {"spanish": {"exact": 1.0}}
        before = {path.name: path.read_bytes() for path in full.iterdir()}
        (full / "ballast").write_bytes(b"x" * 16_000)
        with pytest.raises(OSError, match="No space left"):
            (full / "more").write_bytes(b"x" * 32_000)
        future, _ = evaluator.evaluate(step=1, predict_fn=lambda _: enumerate(["x" * 9000] * 5))
        with pytest.raises(errors.EvaluationError, match="JSONLogger.*No space left"):
            future.result()
        assert {name: (full / name).read_bytes() for name in before if "metrics" not in name} == {
            name: content for name, content in before.items() if "metrics" not in name
        }
        assert (full / "spanish-metrics.jsonl").read_bytes().startswith(before["spanish-metrics.jsonl"])
    finally:
        subprocess.run(["umount", full], check=True)


def test_scores_and_steps_reach_the_loggers(make_task, make_evaluator, tmp_path):
    def scored(targets, scores):
        return {"mean": evalkit.Scalar(float(scores.mean()))}

    Recording.calls.clear()
    evaluator = make_evaluator(make_task(metric_fns=[scored]), logger_cls=[Recording], log_dir=str(tmp_path))
    evaluator.evaluate(score_fn=score_lengths)[0].result()
    assert Recording.calls[0][4] == {"score": [-4.0, -4.0, -5.0, -7.0, -6.0]}
    assert isinstance(Recording.calls[0][3], tf.data.Dataset) and Recording.calls[0][1] is None
    assert ModelOutputType.SCORE in evaluator.evaluate(score_fn=score_lengths)[1]["spanish"]


def test_a_future_cannot_be_cancelled(make_evaluator):
    evaluator = make_evaluator()
    future, _ = evaluator.evaluate(predict_fn=answer_targets)
    assert not future.cancel()
    assert evaluator.evaluate(predict_fn=answer_targets)[0].result() == future.result() == {"spanish": {"exact": 1.0}}


def test_failing_steps_do_not_keep_their_outputs(make_task, make_evaluator):
    class Output(str):
        __slots__ = ("__weakref__",)

    evaluator = make_evaluator(make_task(metric_fns=[fail_at(range(9))]))
    held = []
    for _ in range(3):
        outputs = [Output(answer) for answer in ANSWERS]
        held.append(weakref.ref(outputs[0]))
        future, all_outputs = evaluator.evaluate(predict_fn=lambda _, outputs=outputs: enumerate(outputs))
        with pytest.raises(errors.EvaluationError):
            future.result()
        del outputs, all_outputs, future
    gc.collect()
    assert [reference() for reference in held[:2]] == [None, None]


def test_an_interrupted_close_can_be_taken_up_again(make_task, make_evaluator):
    release = threading.Event()

    def slow(targets, predictions):
        release.wait(timeout=30)
        raise RuntimeError("late failure")

    evaluator = make_evaluator(make_task(metric_fns=[slow]))
    evaluator.evaluate(predict_fn=answer_targets)
    timer = threading.Timer(0.5, lambda: os.kill(os.getpid(), signal.SIGINT))  # as a terminal sends it: to the process
    timer.start()
    with pytest.raises(KeyboardInterrupt):
        evaluator.close()
    release.set()
    with pytest.raises(errors.EvaluationError, match="late failure"):
        evaluator.close()
