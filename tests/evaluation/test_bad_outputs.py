"""What model functions, metrics and postprocess functions do wrong is named, and the rest is computed."""

import asyncio

import numpy as np
import pytest
import tensorflow as tf

import evalkit
from evalkit import errors
from tests.evaluation.small_task import answer_targets, exact, failing_step, never

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
    failing_step(make_evaluator(), message, errors.ModelOutputError, predict_fn=lambda _: enumerate(outputs))


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


def test_a_score_in_bfloat16_that_is_no_number(make_task, make_evaluator):
    def mean(targets, scores):
        return {"mean": 0.0}

    nan = tf.constant([0.0, float("nan")], tf.bfloat16).numpy()
    evaluator = make_evaluator(make_task(metric_fns=[mean]))
    scores = [nan[0], nan[1], nan[0], nan[0], nan[0]]
    failing_step(evaluator, "the score of example 1 is nan", score_fn=lambda _: enumerate(scores))


def test_scores_of_odd_shapes_cost_no_other_metric(make_task, make_evaluator):
    def scored(targets, scores):
        return {"sum": sum(map(sum, scores[0]))}

    evaluator = make_evaluator(make_task(metric_fns=[exact, scored]))
    ragged = [[[1.0], [2.0, 3.0]]] * 5
    metrics, _ = evaluator.evaluate(predict_fn=answer_targets, score_fn=lambda _: enumerate(ragged))
    assert metrics.result() == {"spanish": {"exact": 1.0, "sum": 6.0}}
    words = ["high"] * 5
    future, _ = evaluator.evaluate(predict_fn=answer_targets, score_fn=lambda _: enumerate(words))
    with pytest.raises(errors.EvaluationError, match="metric 'scored'") as caught:
        future.result()
    assert caught.value.metrics == {"spanish": {"exact": 1.0}}


def test_a_metric_that_is_cancelled_costs_no_other_metric(make_task, make_evaluator):
    def judge(targets, predictions):
        raise asyncio.CancelledError("the judge went away")

    evaluator = make_evaluator(make_task(metric_fns=[judge, exact]))
    found = failing_step(evaluator, "metric 'judge' raised CancelledError", predict_fn=answer_targets)
    assert found == {"spanish": {"exact": 1.0}}


def test_a_metric_that_changes_targets_and_raises_is_the_one_that_fails(make_task, make_evaluator):
    def as_list(text, **_):
        return [text]

    def guilty(targets, predictions):
        targets[0].append("junk")
        raise ValueError("and then it raised")

    def innocent(targets, predictions):
        return {"lengths": sum(map(len, targets))}

    evaluator = make_evaluator(make_task(postprocess_fn=as_list, metric_fns=[guilty, innocent]))
    found = failing_step(evaluator, "metric 'guilty' raised ValueError", predict_fn=answer_targets)
    assert found == {"spanish": {"lengths": 5}}


def test_targets_of_a_class_of_ones_own_are_left_alone(make_task, make_evaluator):
    class Answer:
        def __init__(self, text):
            self.text = text

    def right(targets, predictions):
        return {"right": sum(t.text == p.text for t, p in zip(targets, predictions, strict=True))}

    evaluator = make_evaluator(make_task(postprocess_fn=lambda text, **_: Answer(text), metric_fns=[right]))
    assert evaluator.evaluate(predict_fn=answer_targets)[0].result() == {"spanish": {"right": 5}}


def test_examples_cannot_be_changed_by_who_is_shown_them(make_task, make_evaluator):
    def spoil(text, example, **_):
        example["inputs"].fill(0)
        return text

    with pytest.raises(errors.PostprocessError, match="read-only"):
        make_evaluator(make_task(postprocess_fn=spoil))
