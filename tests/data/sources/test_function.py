from __future__ import annotations

import functools

import pytest
import tensorflow as tf

from evalkit import errors
from evalkit.data.shard import ShardInfo
from evalkit.data.sources import FunctionDataSource


def numbers(split, shuffle_files):
    return tf.data.Dataset.range({"train": 4, "test": 2}[split])


def test_the_function_gives_the_dataset_of_a_split():
    source = FunctionDataSource(numbers, splits=["train", "test"])
    assert list(source.splits) == ["train", "test"]
    assert list(source.get_dataset("test", shuffle=False).as_numpy_iterator()) == [0, 1]
    assert source.list_shards("train") == ["train"]
    assert not source.supports_arbitrary_sharding


def test_a_seed_is_handed_over_where_there_is_an_argument_for_it():
    def seeded(split, shuffle_files, seed=None):
        return tf.data.Dataset.from_tensors({"seed": seed, "shuffle": shuffle_files})

    source = FunctionDataSource(seeded, splits=["test"])
    assert next(source.get_dataset("test", shuffle=True, seed=7).as_numpy_iterator()) == {"seed": 7, "shuffle": True}


def test_a_function_without_a_seed_is_not_given_one():
    source = FunctionDataSource(numbers, splits=["test"])
    assert len(source.get_dataset("test", shuffle=False, seed=42)) == 2


def test_partials_and_callable_objects_are_functions():
    class Maker:
        def __call__(self, split, shuffle_files, seed=None):
            return tf.data.Dataset.range(3)

    def of_size(split, shuffle_files, size):
        return tf.data.Dataset.range(size)

    assert len(FunctionDataSource(Maker(), splits=["test"]).get_dataset("test")) == 3
    assert len(FunctionDataSource(functools.partial(of_size, size=5), splits=["test"]).get_dataset("test")) == 5


@pytest.mark.parametrize(
    ("function", "message"),
    [
        (lambda split: None, r"must have initial args \('split', 'shuffle_files'\), got: \('split',\)"),
        (lambda shuffle_files: None, r"must have initial args .*, got: \('shuffle_files',\)"),
        (lambda split, shuffle_files, more: None, r"may only have positional args .*'more'\)"),
    ],
)
def test_a_function_with_other_arguments_is_refused_at_once(function, message):
    with pytest.raises(errors.ArgumentError, match=message):
        FunctionDataSource(function, splits=["train"])


def test_a_declared_number_of_examples_is_the_length():
    def filtered(split, shuffle_files):
        return tf.data.Dataset.range(10).filter(lambda x: x % 2 == 0)

    source = FunctionDataSource(filtered, splits=["test"], num_input_examples={"test": 5})
    assert len(source.get_dataset("test")) == 5 == source.num_input_examples("test")


def test_a_length_that_tensorflow_knows_is_not_overruled():
    source = FunctionDataSource(numbers, splits=["test"], num_input_examples={"test": 1000})
    assert len(source.get_dataset("test")) == 2


def test_one_shard_is_the_whole_and_several_are_refused():
    source = FunctionDataSource(numbers, splits=["train"])
    assert len(source.get_dataset("train", shard_info=ShardInfo(0, 1))) == 4
    with pytest.raises(errors.ArgumentError, match="does not support low-level sharding: 2 shards of 'numbers'"):
        source.get_dataset("train", shard_info=ShardInfo(0, 2))


def test_an_unknown_split_names_those_there_are():
    source = FunctionDataSource(numbers, splits=["train", "test"])
    with pytest.raises(errors.ArgumentError, match="no split 'dev'; it has 'train', 'test'"):
        source.get_dataset("dev")
    with pytest.raises(errors.ArgumentError, match="no split 'dev'"):
        source.list_shards("dev")


def test_a_function_that_raises_is_named_and_chained():
    def broken(split, shuffle_files):
        raise KeyError("url")

    with pytest.raises(errors.SourceError, match="dataset_fn 'broken', called for split 'test', raised Key") as info:
        FunctionDataSource(broken, splits=["test"]).get_dataset("test")
    assert isinstance(info.value.__cause__, KeyError)


def test_a_function_that_returns_something_else_is_refused():
    with pytest.raises(errors.SourceError, match=r"returned list; expected a tf.data.Dataset"):
        FunctionDataSource(lambda split, shuffle_files: [1, 2], splits=["test"]).get_dataset("test")


def test_repr_names_the_function():
    assert repr(FunctionDataSource(numbers, splits=["test"])) == (
        "FunctionDataSource(dataset_fn=numbers, splits=('test',), num_input_examples=None, caching_permitted=True)"
    )


def test_the_fingerprint_is_that_of_the_function():
    def make(size):
        return FunctionDataSource(lambda split, shuffle_files: tf.data.Dataset.range(size), splits=["a", "b"])

    assert make(3).fingerprint("a") == make(3).fingerprint("a")
    assert len({make(3).fingerprint("a"), make(4).fingerprint("a"), make(3).fingerprint("b")}) == 3
    assert make(open(__file__)).fingerprint("a") is None
