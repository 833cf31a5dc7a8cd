"""Fixtures that make the small task, and Evaluators of it."""

from types import SimpleNamespace

import pytest
import tensorflow as tf

import evalkit
from evalkit import preprocessors
from tests.evaluation.small_task import exact, rows_source


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
