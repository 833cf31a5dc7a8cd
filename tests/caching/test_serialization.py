"""Batches of columns become the protos that examples become one by one."""

from __future__ import annotations

import numpy as np
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from evalkit.caching.example_columns import ExampleColumns
from evalkit.caching.serialization import serialized
from evalkit.data.tf_example import dict_to_tfexample

SHAPES = st.tuples(st.integers(0, 3), st.just(2))


@st.composite
def examples(draw):
    """A few examples with the same features, of every type that can be stored."""
    kinds = [bool, np.int8, np.int32, np.int64, np.uint32, np.float32, np.float16]
    ranks = {dtype: draw(st.integers(0, 2)) for dtype in kinds}
    shapes = {0: st.just(()), 1: st.tuples(st.integers(0, 4)), 2: SHAPES}
    rows = []
    for _ in range(draw(st.integers(1, 4))):
        row = {f"f{i}": draw(arrays.arrays(dtype, shapes[ranks[dtype]])) for i, dtype in enumerate(kinds)}
        row["texts"] = np.array(draw(st.lists(st.binary(max_size=4), max_size=3)), object)
        row["ragged"] = tf.ragged.constant(draw(st.lists(st.lists(st.integers(0, 300)), max_size=3)), tf.int32, 1)
        rows.append(row)
    return rows


def dataset_of(rows):
    def spec(name, value):
        if isinstance(value, tf.RaggedTensor):
            return tf.RaggedTensorSpec([None, None], tf.int32)
        if name == "texts":
            return tf.TensorSpec([None], tf.string)
        return tf.TensorSpec([None, *value.shape[1:]] if value.ndim else [], value.dtype)

    specs = {name: spec(name, value) for name, value in rows[0].items()}
    return tf.data.Dataset.from_generator(lambda: iter(rows), output_signature=specs)


@settings(max_examples=25, deadline=None)
@given(examples())
def test_batches_equal_single_examples(rows):
    batches = [proto for batch in ExampleColumns(dataset_of(rows)).batches() for proto in serialized(batch)]
    assert batches == [dict_to_tfexample(row).SerializeToString(deterministic=True) for row in rows]


def test_more_examples_than_one_batch():
    dataset = tf.data.Dataset.range(1200).map(lambda i: {"i": i, "row": tf.fill([i % 3], i)})
    protos = [proto for batch in ExampleColumns(dataset).batches() for proto in serialized(batch)]
    assert len(protos) == 1200
    found = tf.train.Example.FromString(protos[1100]).features.feature
    assert list(found["i"].int64_list.value) == [1100] and list(found["row"].int64_list.value) == [1100, 1100]
