"""Another vocabulary, and nothing else changed."""

from __future__ import annotations

import dataclasses
import re

import pytest
import tensorflow as tf

from evalkit import errors, preprocessors
from evalkit.data import CacheDatasetPlaceholder, Feature, FunctionDataSource, Mixture, MixtureRegistry, TaskRegistry
from evalkit.derived import mixture_or_task_with_new_vocab
from evalkit.vocabularies import ByteVocabulary, PassThroughVocabulary, Vocabulary

NEW = PassThroughVocabulary(200)


def test_a_task_gets_the_vocabulary_and_keeps_the_rest(add_task, check_nothing_is_lost):
    task = add_task()
    new = mixture_or_task_with_new_vocab("full", "new", new_vocab=NEW)
    assert TaskRegistry.get("new") is new and TaskRegistry.get("full") is task
    assert new.output_features == {
        name: dataclasses.replace(feature, vocabulary=NEW) for name, feature in task.output_features.items()
    }
    check_nothing_is_lost(new, task, changed=["output_features"])


class Shifted(Vocabulary):
    """Bytes, each one further on."""

    eos_id, unk_id, _base_vocab_size = 1, None, 300

    def _encode(self, s):
        return [byte + 1 for byte in s.encode()]

    def _decode(self, ids):
        return bytes(number - 1 for number in ids).decode()

    def _encode_tf(self, s):
        return tf.cast(tf.io.decode_raw(s, tf.uint8), tf.int32) + 1

    def _decode_tf(self, ids):
        raise NotImplementedError


def test_tokens_are_those_of_the_new_vocabulary(add_task):
    def words(split, shuffle_files):
        return tf.data.Dataset.from_tensors({"inputs": "a", "targets": "b"})

    bytewise = {name: Feature(ByteVocabulary()) for name in ("inputs", "targets")}
    source = FunctionDataSource(words, ["train"])
    add_task(source=source, output_features=bytewise, preprocessors=[preprocessors.tokenize])
    new = mixture_or_task_with_new_vocab("full", "new", new_vocab=Shifted())
    assert next(new.get_dataset(shuffle=False).as_numpy_iterator())["inputs"].tolist() == [98]


def test_features_may_differ_from_each_other(add_task, check_nothing_is_lost):
    task = add_task()
    features = {
        "inputs": Feature(NEW, add_eos=True),
        "targets": Feature(PassThroughVocabulary(300), add_eos=False, required=False),
    }
    new = mixture_or_task_with_new_vocab(task, "new", new_output_features=features, add_to_seqio_registry=False)
    assert new.output_features == features
    assert "new" not in TaskRegistry.names()
    check_nothing_is_lost(new, task, changed=["output_features"])


def test_a_mixture_is_derived_down_to_its_tasks(add_task, add_mixture, check_nothing_is_lost):
    one, two = add_task("one"), add_task("two")

    def rate(task):
        return 4.0 if task.name.endswith("two") else 1.0

    inner = add_mixture("inner", [("one", 2), ("two", rate)])
    outer = add_mixture("outer", [("inner", 3), ("one", 1)])
    new = mixture_or_task_with_new_vocab("outer", "new", new_vocab=NEW)
    assert set(MixtureRegistry.names()) == {"inner", "outer", "new", "new.inner"}
    assert set(TaskRegistry.names()) == {"one", "two", "new.one", "new.inner.one", "new.inner.two"}
    assert new.rate_per_task_name == {"new.inner": 3, "new.one": 1}
    assert [new.get_rate(TaskRegistry.get(name)) for name in ("new.one", "new.inner.one", "new.inner.two")] == [1, 1, 2]
    assert outer.get_rate(one) == 2 and outer.get_rate(two) == 2
    assert new.output_features["inputs"].vocabulary == NEW
    check_nothing_is_lost(new, outer)
    check_nothing_is_lost(MixtureRegistry.get("new.inner"), inner)
    check_nothing_is_lost(TaskRegistry.get("new.inner.two"), two, changed=["output_features"])


def test_parts_of_a_mixture_need_not_be_registered(add_task, add_mixture):
    add_task("one")
    add_mixture("outer", [("one", 3)])
    TaskRegistry.remove("one")
    new = mixture_or_task_with_new_vocab("outer", "new", new_vocab=NEW, add_to_seqio_registry=False)
    assert [task.name for task in new.tasks] == ["new.one"]
    assert not TaskRegistry.names() and set(MixtureRegistry.names()) == {"outer"}


def cut(dataset, sequence_length):
    return dataset


@pytest.mark.parametrize(
    ("steps", "place"),
    [
        ([preprocessors.tokenize], 1),
        ([], 0),
        ([preprocessors.tokenize, cut, cut], 1),
        ([preprocessors.tokenize, preprocessors.append_eos_after_trim], 1),
    ],
)
def test_tasks_may_get_a_place_for_a_cache(add_task, add_mixture, steps, place):
    add_task("one", preprocessors=steps)
    add_mixture("outer", [("one", 1)])
    [new] = mixture_or_task_with_new_vocab("outer", "new", new_vocab=NEW, add_cache_placeholder=True).tasks
    assert isinstance(new.preprocessors[place], CacheDatasetPlaceholder)
    assert [step for step in new.preprocessors if not isinstance(step, CacheDatasetPlaceholder)] == steps
    assert not TaskRegistry.get("one").supports_caching


def test_a_place_for_a_cache_that_is_there_stays(add_task):
    placeholder = CacheDatasetPlaceholder(required=True)
    add_task(preprocessors=[preprocessors.tokenize, placeholder])
    new = mixture_or_task_with_new_vocab("full", "new", new_vocab=NEW, add_cache_placeholder=True)
    assert list(new.preprocessors) == [preprocessors.tokenize, placeholder]


def test_a_source_that_may_not_be_cached_is_named(add_task):
    add_task(source=FunctionDataSource(lambda split, shuffle_files: None, ["train"], caching_permitted=False))
    with pytest.raises(errors.DefinitionError, match="Task 'new' .* its source prohibits caching"):
        mixture_or_task_with_new_vocab("full", "new", new_vocab=NEW, add_cache_placeholder=True)


FITTING = {"inputs": Feature(NEW, add_eos=False), "targets": Feature(NEW)}


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({}, "'new': give either new_vocab or new_output_features, found neither"),
        ({"new_vocab": NEW, "new_output_features": FITTING}, "found both"),
    ],
)
def test_either_a_vocabulary_or_features_are_given(add_task, arguments, message):
    add_task()
    with pytest.raises(errors.ArgumentError, match=message):
        mixture_or_task_with_new_vocab("full", "new", **arguments)


@pytest.mark.parametrize(
    ("features", "message"),
    [
        ({"inputs": Feature(NEW)}, "has the output features inputs, targets; .* must have the same, found inputs"),
        ({}, "must have the same, found none"),
        (
            {**FITTING, "inputs": Feature(NEW, rank=2)},
            "feature 'inputs' has rank 1, in new_output_features 2. Only voc",
        ),
        ({**FITTING, "targets": Feature(NEW, dtype=tf.int64)}, "feature 'targets' has dtype int32, .* int64"),
    ],
)
def test_features_must_fit(add_task, features, message):
    add_task()
    with pytest.raises(errors.DefinitionError, match=f"Task 'full'.*{message}"):
        mixture_or_task_with_new_vocab("full", "new", new_output_features=features)


def test_features_need_not_fit_on_request_down_to_the_tasks(add_task, add_mixture):
    add_task()
    add_mixture("mix", [("full", 1)])
    features = {"inputs": Feature(NEW, rank=2), "targets": Feature(NEW)}
    with pytest.raises(errors.DefinitionError, match="rank"):
        mixture_or_task_with_new_vocab("mix", "new", new_output_features=features)
    new = mixture_or_task_with_new_vocab("mix", "new", new_output_features=features, validate_features=False)
    assert new.output_features == features


def test_a_name_that_is_taken_changes_nothing(add_task, add_mixture):
    add_task("one")
    add_mixture("mix", [("one", 1)])
    add_mixture("new", [("one", 1)])
    with pytest.raises(errors.DuplicateNameError, match="Mixture 'new' is already registered"):
        mixture_or_task_with_new_vocab("mix", "new", new_vocab=NEW)
    assert set(TaskRegistry.names()) == {"one"}
    with pytest.raises(errors.UnknownNameError, match="No task or mixture named 'mixx' .*'mix'"):
        mixture_or_task_with_new_vocab("mixx", "newer", new_vocab=NEW)


def test_the_place_of_registration_is_the_callers(add_task):
    add_task()
    mixture_or_task_with_new_vocab("full", "new", new_vocab=NEW)
    with pytest.raises(errors.DuplicateNameError, match=f"already registered, at {re.escape(__file__)}:"):
        add_task("new")


def test_a_task_is_derived_under_either_of_its_names(add_task):
    TaskRegistry.add_provider("alias", add_task())
    new = mixture_or_task_with_new_vocab("alias", "new", new_vocab=NEW)
    assert (new.name, TaskRegistry.get("new")) == ("new", new)
    mixture = Mixture("mix", [("alias", 2), ("full", 2)])  # one task, which counts once
    derived = mixture_or_task_with_new_vocab(mixture, "other", new_vocab=NEW)
    assert derived.rate_per_task_name == {"other.full": 2}
