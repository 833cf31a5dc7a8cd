"""Reading a task: the pipeline, its options, and what goes wrong in it."""

from __future__ import annotations

import functools
import itertools

import pytest
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st

from evalkit.data import CacheDatasetPlaceholder, ShardInfo, Task
from evalkit.errors import ArgumentError, DefinitionError, FeatureError, NotCachedError, PreprocessorError
from evalkit.transforms import map_over_dataset


@map_over_dataset(num_seeds=1)
def add_noise(example, seed):
    noise = tf.random.stateless_uniform([1], seed, maxval=1_000_000, dtype=tf.int32)
    return {**example, "inputs": tf.concat([example["inputs"], noise], 0)}


def inputs(dataset):
    return [example["inputs"].tolist() for example in dataset.as_numpy_iterator()]


def test_reading_in_order_keeps_length_and_order(make_task, inputs_of):
    dataset = make_task().get_dataset(shuffle=False)
    assert isinstance(dataset, tf.data.Dataset)
    assert len(dataset) == 10
    assert inputs_of(dataset) == list(range(10))


def test_preprocessors_get_what_they_name(make_task, features):
    seen = []

    def step(dataset, sequence_length, output_features):
        seen.append((sequence_length, output_features))
        return dataset

    lengths = {"inputs": 1, "targets": 2}
    task = make_task(preprocessors=[step, functools.partial(step, sequence_length="mine")])
    task.get_dataset(lengths, shuffle=False)
    assert seen == [(lengths, features), ("mine", features)]


def test_features_are_cut_to_their_lengths(make_task):
    task = make_task()
    for lengths, size in [({"targets": 2}, 2), ({"inputs": 1, "targets": None}, 3), (None, 3)]:
        assert len(next(task.get_dataset(lengths, shuffle=False).as_numpy_iterator())["targets"]) == size
    uncut = task.get_dataset({"targets": 2}, shuffle=False, trim_output_features=False)
    assert len(next(uncut.as_numpy_iterator())["targets"]) == 3


def test_the_same_seed_gives_the_same_examples(make_task):
    task = make_task(preprocessors=[add_noise])
    first, again, other = (inputs(task.get_dataset(seed=seed)) for seed in (1, 1, 2))
    assert first == again
    assert sorted(row[0] for row in first) == list(range(10))
    assert first != other


def test_epochs_draw_new_samples(make_task, inputs_of):
    task = make_task(count=3, preprocessors=[add_noise])
    rows = inputs(task.get_dataset(shuffle=False, seed=0, num_epochs=2))
    assert [row[0] for row in rows] == [0, 1, 2, 0, 1, 2]
    assert rows[:3] != rows[3:]
    assert task.get_dataset(num_epochs=None).cardinality() == tf.data.INFINITE_CARDINALITY


def test_what_is_before_the_placeholder_is_drawn_once(make_task):
    task = make_task(count=3, preprocessors=[add_noise, CacheDatasetPlaceholder()])
    rows = inputs(task.get_dataset(shuffle=False, seed=0, num_epochs=2))
    assert rows[:3] == rows[3:]  # as they would be if they had been cached


def test_the_raw_examples_are_kept_only_if_wanted(make_source, make_task):
    reads = []

    def noted(number):
        reads.append(number)
        return number

    source = make_source(5, on_read=noted, num_input_examples={"train": 5})
    task = make_task(source=source)
    for kept, expected in [(True, 5), (False, 10)]:
        reads.clear()
        list(task.get_dataset(shuffle=False, num_epochs=2, try_in_mem_cache=kept))
        assert len(reads) == expected


@settings(max_examples=15, deadline=None)
@given(
    count=st.integers(0, 30),
    num_files=st.integers(1, 4),
    num_shards=st.integers(1, 6),
    shuffle=st.booleans(),
    seed=st.sampled_from([None, 3]),
)
def test_shards_partition_the_data(make_task, make_source, inputs_of, count, num_files, num_shards, shuffle, seed):
    task = make_task(source=make_source(count, num_files))
    shards = [
        inputs_of(task.get_dataset(shuffle=shuffle, seed=seed, shard_info=ShardInfo(i, num_shards)))
        for i in range(num_shards)
    ]
    assert sorted(itertools.chain(*shards)) == list(range(count))


def test_shuffling_may_be_disallowed(make_task, make_source):
    task = make_task(shuffle_buffer_size=None)
    for size in (None, 100):
        with pytest.raises(ArgumentError, match="(?s)Shuffling is disallowed for Task 'rows'.*Pass shuffle=False"):
            task.get_dataset(shuffle_buffer_size=size)
    assert len(list(task.get_dataset(shuffle=False))) == 10
    itself = make_task(source=make_source(performs_internal_shuffling=True), shuffle_buffer_size=None)
    assert len(list(itself.get_dataset())) == 10


def test_a_cache_is_not_replaced_in_silence(make_task):
    with pytest.raises(ArgumentError, match="Task 'rows' does not support caching.*use_cached=False"):
        make_task().get_dataset(use_cached=True)
    with pytest.raises(NotCachedError, match="'rows' does not exist in any of the task cache directories"):
        make_task(preprocessors=[CacheDatasetPlaceholder()]).get_dataset(use_cached=True)


def test_a_required_cache(make_task):
    task = make_task(preprocessors=[CacheDatasetPlaceholder(required=True)])
    assert task.supports_caching and task.requires_caching
    with pytest.raises(ArgumentError, match="(?s)'rows' requires caching, .*`use_cached=False`.*Pass use_cached=True"):
        task.get_dataset()


@pytest.mark.parametrize("num_epochs", [0, -1])
def test_no_epochs(make_task, num_epochs):
    with pytest.raises(ArgumentError, match=f"num_epochs must be at least 1.* found {num_epochs}"):
        make_task().get_dataset(num_epochs=num_epochs)


def cut_in_python(dataset, sequence_length):
    return dataset.map(lambda example: {**example, "inputs": example["inputs"][: sequence_length["inputs"]]})


def read_missing(dataset):
    return dataset.map(lambda example: {"inputs": example["question"]})


def forget(dataset):
    return None


@pytest.mark.parametrize(
    ("step", "message"),
    [
        (cut_in_python, "'cut_in_python' .number 1 of 2. raised .*`sequence_length`, which was None; pass the lengths"),
        (read_missing, "'read_missing' .number 1 of 2. raised KeyError.*given examples with 'inputs', 'targets'"),
        (forget, "'forget' .number 1 of 2. returned NoneType, expected a tf.data.Dataset.*map_over_dataset"),
    ],
)
def test_a_preprocessor_that_fails_is_named(make_task, step, message):
    task = make_task(preprocessors=[lambda dataset: dataset, step])
    with pytest.raises(PreprocessorError, match=f"(?s)Task 'rows', preprocessor {message}") as caught:
        task.get_dataset(shuffle=False)
    assert (caught.value.__cause__ is None) == (step is forget)


def test_a_preprocessor_that_refuses_the_lengths_is_not_blamed(make_task):
    def refuse(dataset, sequence_length):
        raise ArgumentError("too short")

    with pytest.raises(ArgumentError, match="^too short") as caught:
        make_task(preprocessors=[refuse]).get_dataset({"inputs": 1}, shuffle=False)
    assert caught.value.__notes__ == ["Task 'rows', preprocessor 'refuse' (number 0 of 1) raised this."]


def replaced_by(value):
    return [lambda dataset: tf.data.Dataset.from_tensors(value)]


@pytest.mark.parametrize(
    ("value", "message"),
    [
        (
            {"inputs": [0]},
            "missing expected output feature after preprocessing: targets\nThe task .* its examples have 'inputs'",
        ),
        ({"inputs": [0], "targets": ["a"]}, "incorrect type for feature 'targets'.* Got string, expected int32"),
        ({"inputs": [0], "targets": 0}, "incorrect rank for feature 'targets'.* Got 0, expected 1"),
        ([0], "examples must be dictionaries"),
    ],
)
def test_examples_that_break_the_promise(make_task, value, message):
    with pytest.raises(FeatureError, match=message) as caught:
        make_task(preprocessors=replaced_by(value)).get_dataset()
    assert "ask 'rows'" in str(caught.value) or "ask is 'rows'" in caught.value.__notes__[0]


def test_an_unknown_rank_is_told(make_task):
    def forget_shape(dataset):
        return dataset.map(lambda example: {**example, "inputs": tf.numpy_function(lambda x: x, [0], tf.int32)})

    with pytest.raises(FeatureError, match="Got an unknown rank, expected 1\n.*tf.ensure_shape"):
        make_task(preprocessors=[forget_shape]).get_dataset()


def test_a_feature_that_is_none(make_task):
    with pytest.raises(FeatureError, match="output feature 'inputs' must be described by a Feature, found None"):
        make_task(output_features={"inputs": None}).get_dataset()


def test_optional_features_may_be_missing(make_task, features):
    optional = {**features, "inputs": type(features["inputs"])(features["inputs"].vocabulary, required=False)}
    task = make_task(output_features=optional, preprocessors=replaced_by({"targets": [0]}))
    assert len(list(task.get_dataset())) == 1


def test_a_source_without_splits(make_task, make_source):
    with pytest.raises(DefinitionError, match="Task 'rows' has no splits"):
        _ = make_task(source=make_source(splits=())).splits


def test_postprocessing(make_task):
    def number(text, example=None, is_target=False):
        return int(text) + 100 * is_target

    task = make_task(postprocess_fn=number)
    assert task.postprocessor is number
    assert task.postprocess_fn("3", example={}, is_target=True) == 103
    assert make_task().postprocess_fn("3", is_target=True) == "3"


def test_replace_changes_what_it_is_told_and_keeps_the_rest(make_task):
    def accuracy(targets, predictions):
        return {}

    class Special(Task):
        pass

    special = Special("rows", make_task().source, make_task().output_features, [add_noise], metric_fns=[accuracy])
    renamed = special.replace(name="others")
    assert (renamed.name, special.name) == ("others", "rows")
    assert type(renamed) is Special
    assert renamed.metric_fns == [accuracy]
    assert renamed.preprocessors == special.preprocessors
    assert special.replace(metric_fns=[]).metric_fns == []
    assert str(renamed).startswith("Special(name=others, source=")


def test_replace_refuses_what_a_task_does_not_have(make_task):
    with pytest.raises(ArgumentError, match="Expected keys of replace to be among name, source.* found split"):
        make_task().replace(split="test")
    with pytest.raises(DefinitionError, match="contains invalid characters"):
        make_task().replace(name="a/b")
