"""A task that has every part that a task can have, so that a derivation that drops one is seen."""

from __future__ import annotations

import functools

import pytest
import tensorflow as tf

from evalkit.data import Feature, FunctionDataSource, Mixture, MixtureRegistry, SourceInfo, Task, TaskRegistry
from evalkit.data import scoped_registries as scoped
from evalkit.metrics import PassthroughLegacyMetric
from evalkit.vocabularies import PassThroughVocabulary

FEATURES = {name: Feature(PassThroughVocabulary(100), add_eos=False) for name in ("inputs", "targets")}


class TimedTask(Task):
    """A subclass with a part of its own."""

    def __init__(self, *args, seconds=3, **kwargs):
        super().__init__(*args, **kwargs)
        self.seconds = seconds


class NamedMixture(Mixture):
    """A subclass of mixtures."""


def numbers(split, shuffle_files, count=4):
    return tf.data.Dataset.range(count, output_type=tf.int32).map(lambda i: {"inputs": [i, i], "targets": [i]})


def upper(decoded, example=None, is_target=False):
    return [10 * number for number in decoded]


def exact(targets, predictions):
    return {"exact": sum(map(list.__eq__, targets, predictions)) / len(targets)}


def mean(targets, scores):
    return {"mean": sum(scores) / len(scores)}


METRIC = PassthroughLegacyMetric.from_metric_fn(exact, postprocess_fn=upper)


@pytest.fixture(autouse=True)
def empty_registries():
    """Other test modules register tasks when they are imported; here nothing is registered but what a test adds."""
    with scoped():
        TaskRegistry.reset()
        MixtureRegistry.reset()
        yield


@pytest.fixture
def make_source():
    """Makes a source of four rows."""
    return lambda splits=("train",): FunctionDataSource(numbers, splits=splits)


@pytest.fixture
def add_task(make_source):
    """Registers a task with all parts; keywords replace them."""

    def add(name="full", splits=("train",), **changes):
        keywords = {
            "source": make_source(splits),
            "output_features": FEATURES,
            "preprocessors": [],
            "postprocess_fn": upper,
            "metric_fns": [exact, mean],
            "metric_objs": [METRIC],
            "shuffle_buffer_size": 7,
            "source_info": SourceInfo("tasks.py", 12),
            **changes,
        }
        return TaskRegistry.add(name, task_cls=TimedTask, seconds=5, **keywords)

    return add


@pytest.fixture
def add_mixture():
    """Registers a mixture with all parts."""
    return functools.partial(MixtureRegistry.add, mixture_cls=NamedMixture, source_info=SourceInfo("mixtures.py", 8))


@pytest.fixture
def check_nothing_is_lost():
    """Compares a derived task or mixture with its original, in all but what `changed` names."""

    def parts(provider):
        if isinstance(provider, Mixture):
            return {"class": type(provider), "source_info": provider.source_info}
        return {
            "class": type(provider),
            "seconds": provider.seconds,
            "source": provider.source,
            "output_features": dict(provider.output_features),
            "preprocessors": list(provider.preprocessors),
            "postprocess_fn": provider.postprocessor,
            "metric_fns": provider.metric_fns,
            "metric_objs": provider.metric_objs[: -len(provider.metric_fns)],
            "shuffle_buffer_size": provider.shuffle_buffer_size,
            "source_info": provider.source_info,
        }

    def check(new, original, changed=()):
        assert {name: part for name, part in parts(new).items() if name not in changed} == {
            name: part for name, part in parts(original).items() if name not in changed
        }

    return check
