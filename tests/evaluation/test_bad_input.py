"""Every way to misuse an Evaluator gives a typed error that names what and where, before the model is called if it
can."""

import functools
import os
import subprocess
import threading

import numpy as np
import pytest
import tensorflow as tf

import evalkit
from evalkit import errors, preprocessors
from evalkit.metrics import ModelOutputType
from tests.evaluation.conftest import ANSWERS, answer_targets, exact, rows_source, score_lengths


def never(dataset):
    raise AssertionError("the model was called")


def failing_step(evaluator, match, error=errors.MetricError, **model_fns):
    """Evaluates; the step's future must report one failure, whose text matches; returns what did not fail."""
    future, _ = evaluator.evaluate(**model_fns)
    with pytest.raises(errors.EvaluationError, match=match) as caught:
        future.result()
    assert [type(failure) for failure in caught.value.exceptions] == [error]
    return caught.value.metrics


# What is known before the first example is read.


@pytest.fixture
def unread(make_task):
    """A task whose source must not be read."""

    def refuse(split, shuffle_files):
        raise AssertionError("the source was read")

    return functools.partial(make_task, source=evalkit.FunctionDataSource(refuse, splits=["validation"]))


def test_packing(unread, make_evaluator):
    with pytest.raises(errors.ArgumentError, match="packing can't be used.*EncDecFeatureConverter.pack=False"):
        make_evaluator(unread(), feature_converter=evalkit.EncDecFeatureConverter(pack=True))


def test_a_logger_without_log_dir(unread, make_evaluator):
    with pytest.raises(errors.ArgumentError, match="'log_dir' must be provided to the Evaluator.*JSONLogger"):
        make_evaluator(unread(), logger_cls=[evalkit.JSONLogger])


def test_a_log_dir_that_is_a_file(unread, make_evaluator, tmp_path):
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(errors.LoggerError, match="Cannot write to log_dir .*file.*Pass a folder"):
        make_evaluator(unread(), logger_cls=[evalkit.JSONLogger], log_dir=str(tmp_path / "file"))


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
def test_a_log_dir_without_permission(unread, make_evaluator, tmp_path):
    tmp_path.chmod(0o500)
    with pytest.raises(errors.LoggerError, match="Permission denied"):
        make_evaluator(unread(), logger_cls=[evalkit.JSONLogger], log_dir=str(tmp_path / "logs"))


def test_a_preprocessor_that_needs_lengths(unread, make_evaluator):
    def cut(dataset, sequence_length):
        return dataset

    with pytest.raises(errors.ArgumentError, match="'cut' in task 'spanish' has a `sequence_length`.*'inputs': …"):
        make_evaluator(unread(preprocessors=[cut]))
    with pytest.raises(errors.ArgumentError, match="Preprocessor 'cut'"):
        make_evaluator(unread(preprocessors=[functools.partial(cut)]))


def test_an_unknown_task(make_evaluator):
    evalkit.TaskRegistry.add_provider(
        "spanish_v1", evalkit.Task("spanish_v1", source=rows_source(), output_features={})
    )
    try:
        with pytest.raises(errors.UnknownNameError, match="'spanish_v2'.*spanish_v1"):
            make_evaluator("spanish_v2")
    finally:
        evalkit.TaskRegistry.remove("spanish_v1")


@pytest.mark.parametrize("number", [0, -3])
def test_no_examples_asked_for(unread, make_evaluator, number):
    with pytest.raises(errors.ArgumentError, match=f"num_examples is {number}; expected a positive number"):
        make_evaluator(unread(), num_examples=number)


def test_a_metric_signature_that_fits_nothing(make_task):
    def odd(labels, predictions):
        return {}

    with pytest.raises(errors.DefinitionError, match="odd.*labels"):
        make_task(metric_fns=[odd])


# What is known when the examples are read, before the first model call.


def test_an_empty_split(make_task, make_evaluator):
    nothing = [lambda dataset: dataset.filter(lambda _: False), preprocessors.tokenize]
    with pytest.raises(errors.SourceError, match="'spanish' has no examples in split 'validation'.*filter"):
        make_evaluator(make_task(preprocessors=nothing))


def test_tasks_with_other_features(make_task, make_evaluator):
    other = make_task("other", output_features={"targets": evalkit.Feature(evalkit.ByteVocabulary())})
    longer = make_task()
    mixture = evalkit.Mixture("m", [longer], default_rate=1.0)
    mixture_tasks = [longer, other]
    with pytest.raises(errors.EvalkitError, match="features"):
        make_evaluator(evalkit.Mixture("m2", mixture_tasks, default_rate=1.0))
    assert mixture.name == "m"


def test_a_postprocess_function_that_raises_on_a_target_names_the_example(make_task, make_evaluator):
    def fragile(text, **_):
        if text == "tres":
            raise KeyError("no tres")
        return text

    with pytest.raises(errors.PostprocessError, match="Task 'spanish', example 2, target: fragile raised KeyError"):
        make_evaluator(make_task(postprocess_fn=fragile))


def test_a_target_field_that_is_not_there(make_evaluator):
    with pytest.raises(errors.ArgumentError, match="target_field_name is 'labels', the examples have 'inputs'"):
        make_evaluator(target_field_name="labels")


# What is known at `evaluate`, before the first model call.


def test_a_missing_model_function(make_task, make_evaluator):
    def scored(targets, scores):
        return {}

    evaluator = make_evaluator(make_task(metric_fns=[exact, scored]))
    with pytest.raises(errors.ArgumentError, match="'spanish': metric 'scored' judges score outputs.*Pass score_fn"):
        evaluator.evaluate(predict_fn=never)
    with pytest.raises(errors.ArgumentError, match="metric 'exact' judges prediction outputs.*Pass predict_fn"):
        evaluator.evaluate()


def test_a_closed_evaluator(make_evaluator):
    evaluator = make_evaluator()
    evaluator.close()
    evaluator.close()
    with pytest.raises(errors.ArgumentError, match="This Evaluator is closed"):
        evaluator.evaluate(predict_fn=never)


# What the model returns.


@pytest.mark.parametrize(
    ("indices", "message"),
    [([0, 1, 2, 3, 3], "1 missing .4., 1 duplicated .3."), ([0, 1, 2, 3, 9], "1 foreign .9."), ([0], "4 missing")],
)
def test_indices(make_evaluator, indices, message):
    with pytest.raises(errors.ModelOutputError, match=f"'spanish'.*{message}"):
        make_evaluator().evaluate(predict_fn=lambda _: [(i, "x") for i in indices])


def test_a_model_function_that_raises_raises_its_own_error(make_evaluator):
    with pytest.raises(AssertionError, match="the model was called"):
        make_evaluator().evaluate(predict_fn=never)


def test_text_and_tokens_mixed(make_evaluator):
    outputs = ["uno", [7, 8], "tres", "cuatro", "cinco"]
    message = "outputs 0 and 1 differ in kind .decoded str and token ids list."
    failing_step(make_evaluator(), message, predict_fn=lambda _: enumerate(outputs))


@pytest.mark.parametrize("bad", [float("nan"), float("inf"), -float("inf")])
def test_a_score_that_is_no_number(make_task, make_evaluator, bad):
    def mean(targets, scores):
        return {"mean": float(np.mean(scores))}

    def first(targets, scores):
        return {"first": float(scores[0][0])}

    evaluator = make_evaluator(make_task(metric_fns=[mean]))
    message = f"metric 'mean': the score of example 3 is {bad}; expected finite numbers"
    failing_step(evaluator, message, score_fn=lambda _: enumerate([0.0, 1.0, 2.0, bad, 4.0]))
    ragged = [[0.0], [1.0, 2.0], [3.0], [4.0, bad], [5.0]]
    evaluator = make_evaluator(make_task(metric_fns=[first]))
    failing_step(evaluator, "the score of example 3", score_fn=lambda _: enumerate(ragged))


# What metrics and postprocess functions do. The other metric of the task is always computed.


def bad_metric(behaviour):
    def bad(targets, predictions):
        return behaviour(targets, predictions)

    return bad


@pytest.mark.parametrize(
    ("behaviour", "message"),
    [
        (lambda t, p: 1 / 0, "metric 'bad' raised ZeroDivisionError: division by zero"),
        (lambda t, p: None, "metric 'bad' returned NoneType; expected a mapping"),
        (lambda t, p: 0.5, "metric 'bad' returned float; expected a mapping"),
        (lambda t, p: {"x": "high"}, "metric 'bad' returned str as 'x'; expected a number or a MetricValue"),
        (lambda t, p: {"exact": 0.0}, "'bad' returned a value named 'exact', as one before it did"),
        (lambda t, p: {"n": t.sort()} and {"n": 1}, "metric 'bad': `targets` was changed by it, first at example 0"),
        (lambda t, p: {"n": len(p.pop())}, "metric 'bad': `predictions` was changed by it, first at example 4"),
        (lambda t, p: exit(3), "metric 'bad' raised SystemExit"),
    ],
)
@pytest.mark.parametrize("asynchronous", [True, False])
def test_a_metric(make_task, make_evaluator, behaviour, message, asynchronous):
    task = make_task(
        metric_fns=[exact, bad_metric(behaviour), lambda targets, predictions: {"last": targets[0] == "uno"}]
    )
    evaluator = make_evaluator(task, async_compute_metrics=asynchronous)
    assert failing_step(evaluator, message, predict_fn=answer_targets)["spanish"] == {"exact": 1.0, "last": True}
    assert failing_step(evaluator, message, predict_fn=answer_targets)["spanish"] == {"exact": 1.0, "last": True}


def test_a_metric_that_changes_what_is_inside_its_targets(make_task, make_evaluator):
    def as_dict(text, **_):
        return {"answers": [text], "ids": np.arange(2)}

    def bad(targets, predictions):
        targets[1]["answers"].append("more")
        return {"bad": 1}

    def good(targets, predictions):
        return {"answers": sum(len(target["answers"]) for target in targets)}

    evaluator = make_evaluator(make_task(postprocess_fn=as_dict, metric_fns=[bad, good]))
    for _ in range(2):
        found = failing_step(evaluator, "`targets` was changed by it, first at example 1", predict_fn=answer_targets)
        assert found["spanish"] == {"answers": 5}


def test_a_postprocess_function_that_raises_on_a_prediction_names_the_example(make_task, make_evaluator):
    def fragile(text, is_target, **_):
        return text if is_target else {"uno": 1, "dos": 2, "tres": 3}[text]

    task = make_task(postprocess_fn=fragile)
    message = "Task 'spanish', example 3, prediction: fragile raised KeyError: 'cuatro'"
    failing_step(make_evaluator(task), message, errors.PostprocessError, predict_fn=answer_targets)


def test_one_failing_task_does_not_stop_another(make_task, make_evaluator):
    bad = make_task("bad", metric_fns=[bad_metric(lambda t, p: 1 / 0)])
    evaluator = make_evaluator(evalkit.Mixture("m", [bad, make_task()], default_rate=1.0))
    found = failing_step(evaluator, "Task 'bad'", predict_fn=answer_targets)
    assert found == {"bad": {}, "spanish": {"exact": 1.0}}


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


def test_a_logger_that_cannot_be_made(unread, make_evaluator, tmp_path):
    def logger(output_dir):
        raise ValueError("bad flag")

    with pytest.raises(errors.LoggerError, match="Constructing logger logger raised ValueError: bad flag"):
        make_evaluator(unread(), logger_cls=[logger], log_dir=str(tmp_path))


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
