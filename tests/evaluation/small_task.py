"""A small task's rows and metric, and model functions that answer from its own targets."""

import numpy as np
import pytest

import evalkit
from evalkit import errors

QUESTIONS = ["one", "two", "three", "four", "five"]
ANSWERS = ["uno", "dos", "tres", "cuatro", "cinco"]


def exact(targets, predictions):
    """Share of predictions that equal their target."""
    return {"exact": sum(map(str.__eq__, targets, predictions)) / len(targets)}


def rows_source(questions=QUESTIONS, answers=ANSWERS, split="validation"):
    rows = [{"inputs": q, "targets": a} for q, a in zip(questions, answers, strict=True)]
    return evalkit.InMemoryDataSource({split: rows})


def answer_targets(dataset):
    """A perfect model, which answers in reverse order and pads."""
    pairs = [
        (int(i), [int(t) for t in features["decoder_target_tokens"]]) for i, features in dataset.as_numpy_iterator()
    ]
    return [(-1, [0, 0]), *reversed(pairs)]


def score_lengths(dataset):
    """Scores each example with minus its number of target tokens."""
    return [(int(i), -float(np.count_nonzero(f["decoder_target_tokens"]))) for i, f in dataset.as_numpy_iterator()]


def never(dataset):
    raise AssertionError("the model was called")


def failing_step(evaluator, match, error=errors.MetricError, **model_fns):
    """Evaluates; the step's future must report one failure, whose text matches; returns what did not fail."""
    future, _ = evaluator.evaluate(**model_fns)
    with pytest.raises(errors.EvaluationError, match=match) as caught:
        future.result()
    assert [type(failure) for failure in caught.value.exceptions] == [error]
    return caught.value.metrics
