from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st

from evalkit import errors
from evalkit.data.shard import ShardInfo
from evalkit.data.sources import InMemoryDataSource

ROWS: Any = [{"question": "1+1?", "ids": [1, 2]}, {"question": "2+2?", "ids": []}, {"question": "3+3?", "ids": [3]}]


def read(examples, features=None, **options):
    source = InMemoryDataSource({"test": examples}, features=features)
    return list(source.get_dataset("test", shuffle=False, **options).as_numpy_iterator())


def spec(values):
    return InMemoryDataSource({"test": {"x": values}}).get_dataset("test").element_spec["x"]


def test_rows_become_dictionaries_of_tensors():
    source = InMemoryDataSource({"test": ROWS, "train": []})
    assert list(source.splits) == ["test", "train"]
    assert (source.num_input_examples("test"), source.num_input_examples("train")) == (3, 0)
    assert len(source.get_dataset("test")) == 3
    assert [(row["question"], row["ids"].tolist()) for row in read(ROWS)] == [
        (b"1+1?", [1, 2]),
        (b"2+2?", []),
        (b"3+3?", [3]),
    ]


def test_columns_are_the_same_as_rows():
    columns = {"question": [row["question"] for row in ROWS], "ids": [row["ids"] for row in ROWS]}
    assert str(read(columns)) == str(read(ROWS))
    assert InMemoryDataSource({"t": columns}).fingerprint("t") == InMemoryDataSource({"t": ROWS}).fingerprint("t")


def test_rows_may_come_from_an_iterator():
    assert len(read(iter(ROWS))) == len(read(tuple(ROWS))) == 3


# Python values follow tf.train.Example; arrays keep their dtype; shapes that all rows share are known.
@pytest.mark.parametrize(
    ("values", "expected"),
    [
        (["a", b"b"], tf.TensorSpec([], tf.string)),
        ([1, 2], tf.TensorSpec([], tf.int64)),
        ([1.5, 2], tf.TensorSpec([], tf.float32)),
        ([True, False], tf.TensorSpec([], tf.bool)),
        ([np.int32(1), np.int32(2)], tf.TensorSpec([], tf.int32)),
        (np.zeros([2, 3], np.uint8), tf.TensorSpec([3], tf.uint8)),
        ([np.zeros([2, 3]), np.ones([2, 3])], tf.TensorSpec([2, 3], tf.float64)),
        ([np.zeros([2, 3], np.float32), np.ones([1, 3], np.float32)], tf.TensorSpec([None, None], tf.float32)),
        ([np.arange(3, dtype=np.int32), np.arange(2, dtype=np.int32)], tf.TensorSpec([None], tf.int32)),
        ([["a"], ("b", "c")], tf.TensorSpec([None], tf.string)),
        (np.array(["a", "bc"]), tf.TensorSpec([], tf.string)),
        ([[["a"], []], []], tf.RaggedTensorSpec([None, None], tf.string, 1, tf.int64)),
    ],
)
def test_dtypes_and_shapes_follow_the_values(values, expected):
    assert spec(values) == expected


def test_declared_features_choose_names_and_dtypes():
    [row, *_] = read(ROWS, features={"ids": tf.TensorSpec([None], tf.int32)})
    assert set(row) == {"ids"}
    assert row["ids"].dtype == np.int32
    assert read({"x": [1, 2], "y": ["a", "b"]}, features={"x": tf.float32}) == [{"x": 1.0}, {"x": 2.0}]


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ([1, 2, 2.5], r"Row 2 of split 'test': feature 'x' is 2.5; expected an integer \(int64\)"),
        (["a", "b", 3], "Row 2 .* is 3; expected a text"),
        ([[1], [2], 3], "Row 2 .* is 3; expected a list of shape"),
        ([np.zeros(2), np.zeros(3), np.zeros([1, 1])], "Row 2 .* expected a list of shape"),
        (["a", "b", "c\ud800"], "Row 2 .* which is not Unicode; expected a text"),
        ([None, 1], "Row 0 .* is null; expected texts, numbers"),
        ([np.datetime64("2020-01-01")], "Row 0 .* expected texts, numbers"),
        ([1, 2, 2**63], "Row 2 .* which is out of range"),
    ],
)
def test_a_value_that_does_not_fit_is_named(values, message):
    with pytest.raises(errors.SourceError, match=message):
        read({"x": values})


def test_declared_dtypes_are_kept_to():
    with pytest.raises(errors.SourceError, match=r"Row 1 .* is 300, which is out of range; expected .* \(uint8\)"):
        read({"x": [1, 300]}, features={"x": "uint8"})
    with pytest.raises(errors.SourceError, match=r"Row 0 .* expected an integer \(int32\)"):
        read({"x": np.array([0.5, 1.0])}, features={"x": tf.int32})


def test_rows_must_have_the_same_features():
    with pytest.raises(errors.SourceError, match="Row 1 of split 'test' lacks the feature 'b'"):
        read([{"a": 1, "b": 2}, {"a": 1}])
    with pytest.raises(errors.SourceError, match="Row 1 of split 'test' is 'text'; expected an object"):
        read([{"a": 1}, "text"])


def test_columns_must_have_the_same_length_and_the_declared_names():
    with pytest.raises(errors.ArgumentError, match="columns of split 'test' have different lengths: {'a': 1, 'b': 2}"):
        InMemoryDataSource({"test": {"a": [1], "b": [1, 2]}})
    with pytest.raises(errors.SourceError, match="has no column 'c'; it has a"):
        read({"a": [1]}, features={"c": tf.int32})


def test_rows_without_a_split_are_refused():
    with pytest.raises(errors.ArgumentError, match="examples maps split names to rows.*found a list"):
        InMemoryDataSource(ROWS)


def test_an_empty_split_needs_declared_features():
    assert read([], features={"x": tf.string}) == []
    with pytest.raises(errors.SourceError, match="has no rows in split 'test'"):
        read([])


def test_an_unknown_split_names_those_there_are():
    source = InMemoryDataSource({"test": ROWS})
    for question in (source.get_dataset, source.list_shards, source.fingerprint):
        with pytest.raises(errors.ArgumentError, match="has no split 'dev'; it has 'test'"):
            question("dev")
    assert source.list_shards("test") == ["test"]


@settings(max_examples=10, deadline=None)
@given(num_rows=st.integers(1, 12), num_shards=st.integers(1, 15))
def test_shards_partition_the_rows(num_rows, num_shards):
    shards = [read({"n": range(num_rows)}, shard_info=ShardInfo(index, num_shards)) for index in range(num_shards)]
    assert sorted(int(row["n"]) for shard in shards for row in shard) == list(range(num_rows))


def test_the_fingerprint_is_that_of_the_content():
    def print_of(values, features=None):
        return InMemoryDataSource({"test": {"x": values}}, features=features).fingerprint("test")

    assert print_of(["a", "bc"]) == print_of([b"a", b"bc"])
    different = [["ab", "c"], ["a", "bd"], [1, 2], [1.0, 2.0], [[1], [2]], [[1, 2], []], [[1], [2, 3]]]
    assert len({print_of(values) for values in different} | {print_of([1, 2], {"x": tf.int32})}) == len(different) + 1


def test_repr_counts_the_rows():
    assert repr(InMemoryDataSource({"test": ROWS})) == "InMemoryDataSource({'test': 3})"
