"""A small task with a metric of each kind, which looks its capitals up in its own source."""

from __future__ import annotations

import functools

import pytest

from evalkit import ByteVocabulary, Feature, InMemoryDataSource, Task, TaskRegistry, preprocessors

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
