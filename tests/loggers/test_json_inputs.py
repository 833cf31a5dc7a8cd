"""However the examples come (columns, a data set of tensors, any iterable), the rows are the same."""

from __future__ import annotations

import json
import subprocess
import sys
import types

import hypothesis
import hypothesis.extra.numpy as hnp
import hypothesis.strategies as st
import ml_dtypes
import numpy as np
import pytest
import tensorflow as tf

from evalkit.columns import Column, Columns, attach_columns
from evalkit.loggers.json_encoding import encode
from evalkit.loggers.json_inputs import CHUNK, json_inputs, numpy_inputs


def inputs_of(dataset, limit=None):
    return [json.loads(encode(example)) for chunk in json_inputs(dataset, limit) for example in chunk]


def with_columns(columns):
    return attach_columns(types.SimpleNamespace(), columns)


def as_rows(examples):
    """What the rows must say: each example encoded by itself."""
    return [json.loads(encode(example)) for example in examples]


DTYPES = st.sampled_from(
    [np.dtype(name) for name in ("i4", "i8", "u1", "f4", "f8", "?")] + [np.dtype(ml_dtypes.bfloat16)]
)


@st.composite
def vectors(draw):
    dtype = draw(DTYPES)
    lengths = draw(st.lists(st.sampled_from([0, 1, 4, 5, 10, 31, 32, 33, 60]), min_size=1, max_size=6))
    if dtype.kind != "V":
        return [draw(hnp.arrays(dtype, length)) for length in lengths]
    return [draw(hnp.arrays(np.float32, length)).astype(dtype) for length in lengths]


@hypothesis.settings(max_examples=60, deadline=None)
@hypothesis.given(vectors())
def test_a_column_of_vectors_of_any_lengths(arrays):
    columns = Columns({"x": Column.from_arrays(arrays)})
    assert inputs_of(with_columns(columns)) == as_rows([{"x": array} for array in arrays])


@hypothesis.settings(max_examples=40, deadline=None)
@hypothesis.given(st.data(), st.sampled_from([(), (3,), (40,), (2, 3), (6, 7), (0,)]), st.integers(1, 5))
def test_a_column_of_one_shape(data, shape, count):
    arrays = data.draw(hnp.arrays(data.draw(st.sampled_from([np.int32, np.float32])), (count, *shape)))
    columns = Columns({"x": Column.from_arrays([np.asarray(array) for array in arrays])})
    assert inputs_of(with_columns(columns)) == as_rows([{"x": array} for array in arrays])


def test_zeros_that_a_column_leaves_out_are_shown():
    trimmed = Column(np.array([1, 2, 3], np.int32), np.array([0, 2, 3]), shape=(40,))
    zeros = ", ".join("0" * 5)
    assert inputs_of(with_columns(Columns({"x": trimmed}))) == [
        {"x": f"ndarray(shape=(40,), dtype=int32); summary: 1, 2, 0, 0, 0 ... {zeros}"},
        {"x": f"ndarray(shape=(40,), dtype=int32); summary: 3, 0, 0, 0, 0 ... {zeros}"},
    ]


def test_columns_of_matrices_and_of_lists_of_texts():
    matrices = [np.arange(rows * 3).reshape(rows, 3) for rows in (1, 20)]
    texts = Column(np.frombuffer(b"abc", np.uint8), np.array([0, 1, 3]), (None,), byte_splits=np.array([0, 1, 2, 3]))
    columns = Columns({"m": Column.from_arrays(matrices), "t": texts})
    assert inputs_of(with_columns(columns)) == [
        {"m": [[0, 1, 2]], "t": ["a"]},
        {"m": "ndarray(shape=(20, 3), dtype=int64); summary: 0, 1, 2, 3, 4 ... 55, 56, 57, 58, 59", "t": ["b", "c"]},
    ]


def test_texts_that_are_not_utf8_are_base64_row_by_row():
    columns = Columns({"x": Column.from_texts(["plain", b"\x99", "é"])})
    assert inputs_of(with_columns(columns)) == [{"x": "plain"}, {"x": "mQ=="}, {"x": "é"}]


@pytest.mark.parametrize("count", [0, 1, CHUNK, CHUNK + 1, 3 * CHUNK])
@pytest.mark.parametrize("limit", [None, 1, CHUNK, CHUNK + 1])
def test_no_row_is_lost_at_the_edge_of_a_chunk(count, limit):
    columns = Columns({"x": Column(np.arange(count), np.arange(count + 1), ())}, count)
    expected = [{"x": number} for number in range(count)][:limit]
    assert inputs_of(with_columns(columns), limit) == expected
    assert inputs_of(tf.data.Dataset.range(count).map(lambda x: {"x": x}), limit) == expected
    assert inputs_of([{"x": number} for number in range(count)], limit) == expected


def test_examples_without_features():
    assert inputs_of(with_columns(Columns({}, 2))) == [{}, {}]


def test_a_data_set_of_simple_features_gives_the_same_as_its_columns():
    lengths = [0, 3, 32, 33, 70]
    arrays: dict[str, list[np.ndarray]] = {
        "ids": [np.arange(length, dtype=np.int32) for length in lengths],
        "fixed": [np.full(40, length, np.float32) for length in lengths],
        "few": [np.full(2, length, np.int64) for length in lengths],
    }
    texts: list[str | bytes] = ["a", "é", b"\xff", "", "long " * 50]
    columns = Columns({**{k: Column.from_arrays(v) for k, v in arrays.items()}, "text": Column.from_texts(texts)})
    signature = {
        "ids": tf.TensorSpec([None], tf.int32),
        "fixed": tf.TensorSpec([40], tf.float32),
        "few": tf.TensorSpec([2], tf.int64),
        "text": tf.TensorSpec([], tf.string),
        "flag": tf.TensorSpec([], tf.bool),
        "half": tf.TensorSpec([None], tf.bfloat16),
    }
    examples = [{**example, "flag": True, "half": np.ones(40, ml_dtypes.bfloat16)} for example in columns.examples]
    dataset = tf.data.Dataset.from_generator(lambda: examples, output_signature=signature)
    assert inputs_of(dataset) == as_rows(examples)
    without = [{name: example[name] for name in columns} for example in examples]
    assert inputs_of(with_columns(columns)) == as_rows(without)


def test_a_data_set_of_other_features_is_read_example_by_example():
    examples = [
        {"ragged": tf.ragged.constant([[9, 4, 1], [8, 1]]), "texts": ["a", "b"], "m": [[1, 2]], "deep": {"x": 1}},
        {"ragged": tf.ragged.constant([[9, 1], [7, 2, 3, 1]]), "texts": ["c"], "m": [[3, 4]], "deep": {"x": 2}},
    ]
    signature = {
        "ragged": tf.RaggedTensorSpec([None, None], tf.int32),
        "texts": tf.TensorSpec([None], tf.string),
        "m": tf.TensorSpec([None, 2], tf.int32),
        "deep": {"x": tf.TensorSpec([], tf.int32)},
    }
    dataset = tf.data.Dataset.from_generator(lambda: examples, output_signature=signature)
    expected = [
        {"ragged": [[9, 4, 1], [8, 1]], "texts": ["a", "b"], "m": [[1, 2]], "deep": {"x": 1}},
        {"ragged": [[9, 1], [7, 2, 3, 1]], "texts": ["c"], "m": [[3, 4]], "deep": {"x": 2}},
    ]
    assert inputs_of(dataset) == expected
    assert inputs_of(dataset, limit=1) == expected[:1]
    chunk = next(numpy_inputs(dataset, limit=1))
    assert isinstance(chunk[0]["deep"]["x"], np.int32)
    assert isinstance(chunk[0]["m"], np.ndarray)


def test_examples_that_are_no_dictionaries():
    assert inputs_of(tf.data.Dataset.range(2)) == [0, 1]


def test_columns_are_read_without_tensorflow():
    """The logger of a process that never loads TensorFlow stays as light as it is."""
    program = """
import sys, types, tempfile, numpy as np
from evalkit.columns import Column, Columns, attach_columns
from evalkit.loggers import JSONLogger, PyLoggingLogger, TensorBoardLogger
from evalkit.metrics.values import Scalar
dataset = attach_columns(types.SimpleNamespace(), Columns({"x": Column.from_arrays([np.arange(40)])}))
for logger_cls in (JSONLogger, PyLoggingLogger, TensorBoardLogger):
    logger_cls(tempfile.mkdtemp())("task", 1, {"m": Scalar(0.5)}, dataset, {"prediction": ["p"]}, ["t"])
assert not {"tensorflow", "jax"} & set(sys.modules)
"""
    subprocess.run([sys.executable, "-c", program], check=True)
