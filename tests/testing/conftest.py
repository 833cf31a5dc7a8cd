"""A small task with a metric of each kind of output, and runs of pytest within a test."""

from __future__ import annotations

import functools

import pytest

from evalkit import ByteVocabulary, Feature, InMemoryDataSource, Task, TaskRegistry, preprocessors
from tests.testing.inner_runs import HEAD, OPTIONS

ROWS = [{"country": "Peru", "capital": "Lima"}, {"country": "Mali", "capital": "Bamako"}]


def exact(targets, predictions):
    return {"exact": sum(map(str.__eq__, targets, predictions)) / len(targets)}


def mean_score(targets, scores):
    return {"mean_score": float(sum(scores) / len(scores))}


def weighted(targets, predictions, aux_values):
    return {"weighted": float(sum(aux_values["weight"])), "n": len(targets)}


def lower(text, example=None, is_target=False):
    return text.lower()


def make_capitals(name: str, **parts) -> Task:
    """The task, not registered, with other `parts`."""
    definition = {
        "source": InMemoryDataSource({"train": ROWS, "test": ROWS[:1]}),
        "preprocessors": [
            functools.partial(preprocessors.rekey, key_map={"inputs": "country", "targets": "capital"}),
            preprocessors.tokenize,
            preprocessors.append_eos,
        ],
        "output_features": {"inputs": Feature(ByteVocabulary()), "targets": Feature(ByteVocabulary())},
        "postprocess_fn": lower,
        "metric_fns": [exact],
    }
    return Task(name, **{**definition, **parts})


@pytest.fixture
def make_task():
    return make_capitals


@pytest.fixture
def capitals():
    """The task, registered as "capitals"."""
    task = make_capitals("capitals")
    TaskRegistry.add_provider("capitals", task)
    return task


@pytest.fixture
def judged(capitals):
    """The same with a metric of each kind of output."""
    return capitals.replace(metric_fns=[exact, mean_score, weighted])


@pytest.fixture
def run(pytester):
    """Runs the tests of one module in this process, and expects all of them to pass."""

    def run_module(tests: str, *options: str, head: str = HEAD, **outcomes: int) -> pytest.RunResult:
        pytester.makepyfile(head + tests)
        result = pytester.runpytest_inprocess(*OPTIONS, *options)
        result.assert_outcomes(**(outcomes or {"passed": tests.count("def test_")}))
        return result

    return run_module
