from __future__ import annotations

import dataclasses
import json
import threading
from types import SimpleNamespace

import pytest
import tensorflow as tf

from evalkit import errors
from evalkit.data.feature import Feature
from evalkit.data.fingerprint import TaskFingerprint
from evalkit.data.sources import FunctionDataSource, InMemoryDataSource
from evalkit.data.task_fingerprint import task_fingerprint
from evalkit.vocabularies import ByteVocabulary, PassThroughVocabulary


def lower(dataset):
    return dataset.map(tf.strings.lower)


def upper(dataset):
    return dataset.map(tf.strings.upper)


def task(**changes):
    parts = {
        "name": "sums",
        "source": InMemoryDataSource({"test": {"x": ["a", "b"]}, "train": {"x": ["c"]}}),
        "preprocessors": (lower, upper),
        "output_features": {"targets": Feature(ByteVocabulary())},
    }
    return SimpleNamespace(**{**parts, **changes})


BEFORE = task_fingerprint(task(), "test")


def test_the_same_task_has_the_same_fingerprint():
    assert task_fingerprint(task(), "test") == BEFORE
    assert task_fingerprint(task(), "test").digest == BEFORE.digest
    assert BEFORE.differences(BEFORE) == []


@pytest.mark.parametrize(
    ("changes", "differences"),
    [
        ({"source": InMemoryDataSource({"test": {"x": ["a", "c"]}})}, ["the source changed"]),
        (
            {"preprocessors": (lower, lambda dataset: dataset)},
            ["the preprocessors were lower, upper, and are lower, <lambda>"],
        ),
        ({"preprocessors": ()}, ["the preprocessors were lower, upper, and are none"]),
        (
            {"output_features": {"targets": Feature(ByteVocabulary(), add_eos=False)}},
            ["output feature 'targets' changed"],
        ),
        (
            {"output_features": {"targets": Feature(ByteVocabulary(extra_ids=5))}},
            ["vocabulary of feature 'targets' changed"],
        ),
        (
            {"output_features": {"inputs": Feature(PassThroughVocabulary(8))}},
            [
                "output feature 'targets' is gone",
                "output feature 'inputs' is new",
                "vocabulary of feature 'targets' is gone",
                "vocabulary of feature 'inputs' is new",
            ],
        ),
    ],
)
def test_what_changed_is_said(changes, differences):
    after = task_fingerprint(task(**changes), "test")
    assert after.differences(BEFORE) == differences
    assert after.digest != BEFORE.digest


def test_a_preprocessor_that_kept_its_name_is_said_to_have_changed():
    def renamed(dataset):
        return dataset.map(tf.strings.strip)

    renamed.__name__ = "upper"
    after = task_fingerprint(task(preprocessors=(lower, renamed)), "test")
    assert after.differences(BEFORE) == ["preprocessor 'upper' (number 2) changed"]


def test_another_split_is_another_source():
    assert task_fingerprint(task(), "train").differences(BEFORE) == ["the source changed"]


def test_another_version_is_said():
    after = dataclasses.replace(BEFORE, version="99.0")
    assert after.differences(BEFORE) == [f"the version changed from {BEFORE.version} to 99.0"]
    assert after.digest != BEFORE.digest


def test_a_fingerprint_survives_json():
    assert TaskFingerprint.from_json(json.loads(json.dumps(BEFORE.to_json()))) == BEFORE


@pytest.mark.parametrize("change", [{"source": None}, {"preprocessors": [1]}, {"vocabularies": None}])
def test_what_is_no_fingerprint_is_refused(change):
    values = {name: value for name, value in {**BEFORE.to_json(), **change}.items() if name != "source" or value}
    with pytest.raises(errors.CacheError, match="Not a task fingerprint"):
        TaskFingerprint.from_json(values)


def test_a_source_that_cannot_tell_is_named():
    lock = threading.Lock()
    source = FunctionDataSource(lambda split, shuffle_files: lock, splits=["test"])
    with pytest.raises(errors.FingerprintError, match="'sums': its source, FunctionDataSource, cannot tell when"):
        task_fingerprint(task(source=source), "test")


def test_a_part_that_cannot_be_told_is_named():
    lock = threading.Lock()

    def locked(dataset):
        with lock:
            return dataset

    with pytest.raises(errors.FingerprintError, match="Task 'sums', preprocessor 'locked': .* over lock cannot"):
        task_fingerprint(task(preprocessors=(locked,)), "test")
