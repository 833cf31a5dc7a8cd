"""A small task over bytes, and model functions that answer from its own targets."""

from types import SimpleNamespace

import numpy as np
import pytest
import tensorflow as tf

import evalkit
from evalkit import errors, preprocessors

QUESTIONS = ["one", "two", "three", "four", "five"]
ANSWERS = ["uno", "dos", "tres", "cuatro", "cinco"]


def exact(targets, predictions):
    """Share of predictions that equal their target."""
    return {"exact": sum(map(str.__eq__, targets, predictions)) / len(targets)}


def rows_source(questions=QUESTIONS, answers=ANSWERS, split="validation"):
    rows = [{"inputs": q, "targets": a} for q, a in zip(questions, answers, strict=True)]
    return evalkit.InMemoryDataSource({split: rows})


@pytest.fixture
def make_task():
    """Makes a byte task that is in no registry; keywords replace the defaults."""

    def make(name="spanish", **changes):
        features = {
            "inputs": evalkit.Feature(evalkit.ByteVocabulary(), add_eos=True),
            "targets": evalkit.Feature(evalkit.ByteVocabulary(), add_eos=True),
        }
        keywords = {
            "source": rows_source(),
            "preprocessors": [preprocessors.tokenize, preprocessors.append_eos],
            "output_features": features,
            "metric_fns": [exact],
            **changes,
        }
        return evalkit.Task(name, **keywords)

    return make


def answer_targets(dataset):
    """A perfect model, which answers in reverse order and pads."""
    pairs = [
        (int(i), [int(t) for t in features["decoder_target_tokens"]]) for i, features in dataset.as_numpy_iterator()
    ]
    return [(-1, [0, 0]), *reversed(pairs)]


def score_lengths(dataset):
    """Scores each example with minus its number of target tokens."""
    return [(int(i), -float(np.count_nonzero(f["decoder_target_tokens"]))) for i, f in dataset.as_numpy_iterator()]


@pytest.fixture
def make_evaluator(make_task):
    """Makes an Evaluator of a byte task with the encoder-decoder converter; closes it, whatever happened."""
    made = []

    def make(task=None, **keywords):
        converter = keywords.pop("feature_converter", None) or evalkit.EncDecFeatureConverter(pack=False)
        evaluator = evalkit.Evaluator(task or make_task(), converter, **keywords)
        made.append(evaluator)
        return evaluator

    yield make
    for evaluator in made:
        try:
            evaluator.close()
        except evalkit.errors.EvaluationError:
            pass  # the test has looked at it


@pytest.fixture
def counted(tmp_path_factory):
    """A preprocessor, `counted.count`, and how many examples went through it, `counted.examples()`."""
    path = tmp_path_factory.mktemp("counted") / "examples"
    path.touch()

    def note(value):
        with path.open("a") as file:
            file.write("x")
        return value

    def count(dataset):
        def through(example):
            return {**example, "targets": tf.ensure_shape(tf.py_function(note, [example["targets"]], tf.string), [])}

        return dataset.map(through)

    return SimpleNamespace(count=count, examples=lambda: len(path.read_text()))


def never(dataset):
    raise AssertionError("the model was called")


def failing_step(evaluator, match, error=errors.MetricError, **model_fns):
    """Evaluates; the step's future must report one failure, whose text matches; returns what did not fail."""
    future, _ = evaluator.evaluate(**model_fns)
    with pytest.raises(errors.EvaluationError, match=match) as caught:
        future.result()
    assert [type(failure) for failure in caught.value.exceptions] == [error]
    return caught.value.metrics
