"""Tasks and mixtures that are read from their caches, and in no other way."""

from __future__ import annotations

import dataclasses
import functools
import json

import pytest
import tensorflow as tf

import evalkit
from evalkit import errors
from evalkit.data import (
    CacheDatasetPlaceholder,
    MixtureRegistry,
    TaskRegistry,
    dict_to_tfexample,
    set_global_cache_dirs,
)
from evalkit.data.task_fingerprint import cache_fingerprint
from evalkit.derived import add_fully_cached_mixture, add_fully_cached_task
from evalkit.transforms import map_over_dataset

LENGTHS = {"inputs": 5, "targets": 6}


def add_one(dataset):
    return dataset.map(lambda example: {name: value + 1 for name, value in example.items()})


def append_length(dataset, sequence_length, output_features):
    def append(example):
        return {name: tf.concat([example[name], [sequence_length[name]]], 0) for name in output_features}

    return dataset.map(append)


@dataclasses.dataclass(frozen=True)
class AppendLength:
    """The same as a dataclass, which is given its arguments as fields."""

    sequence_length: dict | None = None
    output_features: dict | None = None

    def __call__(self, dataset):
        return append_length(dataset, self.sequence_length, self.output_features)


@pytest.fixture
def add(add_task):
    return functools.partial(add_task, preprocessors=[add_one, CacheDatasetPlaceholder(), append_length])


def precached(task):
    """What is to be in the cache."""
    dataset = task.preprocess_precache(task.source.get_dataset("train", shuffle=False))
    return [{name: value.tolist() for name, value in example.items()} for example in dataset.as_numpy_iterator()]


EXPECTED = [{"inputs": [n, n, 5], "targets": [n, 6]} for n in range(1, 5)]


@pytest.mark.parametrize(
    "last", [append_length, AppendLength(), functools.partial(append_length, sequence_length=LENGTHS)]
)
def test_everything_is_cached_at_the_lengths(add, check_nothing_is_lost, last):
    task = add(preprocessors=[add_one, CacheDatasetPlaceholder(file_shuffle_buffer_size=3), last])
    new = add_fully_cached_task("full", LENGTHS)
    assert TaskRegistry.get("full_i5_t6") is new
    assert new.requires_caching and new.preprocessors[-2].file_shuffle_buffer_size == 3
    assert precached(new) == EXPECTED
    check_nothing_is_lost(new, task, changed=["preprocessors"])


@pytest.mark.parametrize(
    ("lengths", "suffix"),
    [
        ({"targets": 6}, "_6"),
        ({"targets": 6, "inputs": 5}, "_t6_i5"),
        ({"tar": 5, "targets": 6}, "_tar5_targ6"),
    ],
)
def test_the_name_has_the_lengths(add_task, lengths, suffix):
    feature = evalkit.Feature(evalkit.PassThroughVocabulary(9))
    add_task(output_features=dict.fromkeys(["inputs", "targets", "tar"], feature))
    assert add_fully_cached_task("full", lengths).name == f"full{suffix}"


def test_it_can_only_be_read_from_its_cache_and_with_its_lengths(add):
    add()
    new = add_fully_cached_task("full", LENGTHS)
    with pytest.raises(errors.ArgumentError, match="Task 'full_i5_t6' requires caching"):
        new.get_dataset()
    with pytest.raises(errors.NotCachedError, match="'full_i5_t6' does not exist in any of the task cache"):
        new.get_dataset(use_cached=True)
    read = new.preprocess_postcache
    dataset = tf.data.Dataset.from_tensors({"inputs": [1], "targets": [2]})
    assert len(read(dataset, None)) == len(read(dataset, dict(LENGTHS))) == 1
    message = (
        r"Fully-cached task 'full_i5_t6' can only be loaded with `sequence_length={'inputs': 5, 'targets': 6}` or "
        r"`None`. Given sequence_length={'inputs': 4, 'targets': 6}."
    )
    with pytest.raises(errors.ArgumentError, match=message):
        read(dataset, {"inputs": 4, "targets": 6})


@pytest.fixture
def cache(tmp_path):
    """Writes the cache of a task in seqio's layout, for its split train."""

    def write(task):
        folder = tmp_path / task.name
        folder.mkdir()
        with tf.io.TFRecordWriter(str(folder / "train.tfrecord-00000-of-00001")) as writer:
            for example in precached(task):
                writer.write(dict_to_tfexample(example).SerializeToString())
        features = {name: {"shape": [None], "dtype": "int32"} for name in LENGTHS}
        info = {"features": features, "num_shards": 1, "seqio_version": "0.0.20"}
        (folder / "info.train.json").write_text(json.dumps(info))
        (folder / "stats.train.json").write_text(json.dumps({"examples": len(precached(task))}))
        (folder / "COMPLETED").touch()
        set_global_cache_dirs([tmp_path])

    yield write
    set_global_cache_dirs([])


def test_the_cache_is_read_as_it_is(add, cache):
    add()
    new = add_fully_cached_task("full", LENGTHS)
    cache(new)
    for lengths in (None, LENGTHS):
        dataset = new.get_dataset(lengths, use_cached=True, shuffle=False)
        assert [{n: v.tolist() for n, v in example.items()} for example in dataset.as_numpy_iterator()] == EXPECTED


def test_a_split_that_was_not_cached_is_named(add, cache):
    add(splits=["train", "test"])
    new = add_fully_cached_task("full", LENGTHS)
    cache(new)
    with pytest.raises(errors.CacheError, match="(?s)'full_i5_t6'.* split.*test.*Was this split cached"):
        new.get_dataset(split="test", use_cached=True)
    mixture = evalkit.Mixture("mix", [(new, 1)])
    with pytest.raises(errors.CacheError, match="(?s)'full_i5_t6'.*test.*This was task .* of mixture 'mix'"):
        mixture.get_dataset(split="test", use_cached=True)


def test_an_evaluator_needs_no_lengths_for_it(add, cache):
    add(metric_objs=[])
    new = add_fully_cached_task("full", LENGTHS)
    cache(new)
    converter = evalkit.EncDecFeatureConverter(pack=False)
    with evalkit.Evaluator(new, converter, eval_split="train", use_cached=True) as evaluator:
        assert evaluator.sequence_length == {"inputs": 3, "targets": 2}


def test_shuffling_may_be_disallowed(add):
    add("shuffled", shuffle_buffer_size=3)
    add("never", shuffle_buffer_size=None)
    assert add_fully_cached_task("shuffled", LENGTHS).shuffle_buffer_size == 3
    assert add_fully_cached_task("never", LENGTHS).shuffle_buffer_size is None
    TaskRegistry.remove("shuffled_i5_t6")
    assert add_fully_cached_task("shuffled", LENGTHS, disallow_shuffling=True).shuffle_buffer_size is None


def test_adding_it_again_gives_the_same_task(add, make_source):
    add(source=make_source())
    new = add_fully_cached_task("full", LENGTHS)
    assert add_fully_cached_task("full", dict(LENGTHS)) is new
    add(source=new.source, override=True)  # the module was imported again, say
    assert add_fully_cached_task("full", LENGTHS) is new
    with pytest.raises(
        errors.DuplicateNameError, match="Task 'full_i5_t6' is already registered, at .*test_fully_cach"
    ):
        add_fully_cached_task("full", LENGTHS, disallow_shuffling=True)


@pytest.mark.parametrize("part", ["source", "preprocessors", "postprocess_fn", "metric_fns", "output_features"])
def test_a_name_that_another_task_has_is_not_taken_for_the_same(add, make_source, part):
    source = make_source()
    changes = {
        "source": make_source(),
        "preprocessors": [add_one],
        "postprocess_fn": None,
        "metric_fns": [],
        "output_features": dict.fromkeys(LENGTHS, evalkit.Feature(evalkit.PassThroughVocabulary(7))),
    }
    add(source=source)
    add_fully_cached_task("full", LENGTHS)
    add(override=True, **{"source": source, part: changes[part]})
    with pytest.raises(errors.DuplicateNameError, match="'full_i5_t6' is already registered"):
        add_fully_cached_task("full", LENGTHS)


def test_a_mixture_has_the_rates_of_the_original(add, add_mixture, check_nothing_is_lost):
    add("one"), add("two")
    inner = add_mixture("inner", [("one", 1), ("two", lambda task: 3)])
    outer = add_mixture("outer", [("inner", 2), ("one", 5)])
    new = add_fully_cached_mixture("outer", LENGTHS)
    assert MixtureRegistry.get("outer_i5_t6") is new
    assert set(TaskRegistry.names()) == {"one", "two", "one_i5_t6", "two_i5_t6"}
    assert set(MixtureRegistry.names()) == {"inner", "outer", "inner_i5_t6", "outer_i5_t6"}
    assert [(task.name, new.get_rate(task)) for task in new.tasks] == [("one_i5_t6", 5.5), ("two_i5_t6", 1.5)]
    check_nothing_is_lost(new, outer)
    check_nothing_is_lost(MixtureRegistry.get("inner_i5_t6"), inner)
    assert add_fully_cached_mixture("outer", LENGTHS) is new
    add_mixture("third", [("inner", 1)])
    assert add_fully_cached_mixture("third", LENGTHS).tasks == new.tasks


def test_a_mixture_registers_all_or_nothing(add, add_mixture):
    add("one")
    add_mixture("mix", [("one", 1)])
    add_mixture("mix_i5_t6", [("one", 1)])
    with pytest.raises(errors.DuplicateNameError, match="Mixture 'mix_i5_t6' is already registered"):
        add_fully_cached_mixture("mix", LENGTHS)
    assert set(TaskRegistry.names()) == {"one"}


@pytest.mark.parametrize(
    ("lengths", "message"),
    [
        ({}, "sequence_length is empty"),
        ({"inputs": 0}, r"sequence_length\['inputs'\] must be a number of at least 1, found 0"),
        ({"inputs": None}, r"sequence_length\['inputs'\] must be a number of at least 1, found None"),
        ({"input": 5}, "sequence_length has 'input', but task 'full' has the output features inputs, targets"),
    ],
)
def test_lengths_are_checked(add, lengths, message):
    add()
    with pytest.raises(errors.ArgumentError, match=message):
        add_fully_cached_task("full", lengths)


def test_unknown_names_are_told(add):
    with pytest.raises(errors.UnknownNameError, match="No task named 'full'"):
        add_fully_cached_task("full", LENGTHS)
    add()
    with pytest.raises(errors.UnknownNameError, match="No mixture named 'full'"):
        add_fully_cached_mixture("full", LENGTHS)


def test_the_steps_keep_their_names(add):
    def broken(dataset, sequence_length):
        raise KeyError("x")

    add(preprocessors=[broken])
    new = add_fully_cached_task("full", LENGTHS)
    with pytest.raises(errors.PreprocessorError, match="preprocessor 'broken' .number 0 of 3. raised KeyError"):
        precached(new)


def test_random_steps_follow_the_seed(add):
    @map_over_dataset(num_seeds=1)
    def draw(example, seed, sequence_length):
        return {**example, "inputs": tf.random.stateless_uniform([3], seed, 0, sequence_length["inputs"], tf.int32)}

    add(preprocessors=[draw])
    new = add_fully_cached_task("full", LENGTHS)

    def drawn(seed):
        dataset = new.preprocess_precache(new.source.get_dataset("train"), seed=seed)
        return [example["inputs"].tolist() for example in dataset.as_numpy_iterator()]

    assert drawn(1) == drawn(1) != drawn(2)


def test_the_fingerprint_of_the_cache_knows_lengths_steps_and_features(add):
    def of(lengths=LENGTHS, **changes):
        add(override=True, **changes)
        new = add_fully_cached_task("full", lengths)
        TaskRegistry.remove(new.name)
        return cache_fingerprint(new, "train").digest

    features = dict.fromkeys(LENGTHS, evalkit.Feature(evalkit.PassThroughVocabulary(77), add_eos=False))
    steps = [append_length]
    prints = [
        of(),
        of({**LENGTHS, "inputs": 4}),
        of(preprocessors=steps),
        of(preprocessors=steps, output_features=features),
    ]
    assert len(set(prints)) == 4 and of() == prints[0]
