"""Examples as protos and back: whatever a proto can hold comes back, and what it cannot is refused by name."""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from evalkit.data import (
    StoredFeature,
    dict_to_tfexample,
    tfexample_ragged_length_key,
    tfexample_sparse_indices_key,
    tfexample_to_dict,
)
from evalkit.errors import FeatureError

quickly = settings(max_examples=40, deadline=None)
DTYPES = [np.bool_, np.int8, np.uint8, np.int32, np.int64, np.uint32, np.float16, np.float32]
DENSE = st.sampled_from(DTYPES).flatmap(
    lambda dtype: arrays.arrays(dtype, arrays.array_shapes(min_dims=1, max_dims=4, min_side=0, max_side=3))
)
ROWS = st.lists(st.lists(st.lists(st.integers(-(2**31), 2**31 - 1), max_size=3), max_size=3), max_size=3)


def round_trip(**features):
    written = dict_to_tfexample(features, store_shapes=True).SerializeToString()
    return tfexample_to_dict(tf.train.Example.FromString(written))


def stored(example, name):
    feature = example.features.feature[name]
    return list(getattr(feature, feature.WhichOneof("kind")).value)


@quickly
@given(DENSE)
def test_arrays_come_back(array):
    found = round_trip(x=array)["x"].numpy()
    assert found.dtype == (np.float32 if array.dtype.kind == "f" else np.int64)
    assert found.shape == array.shape
    np.testing.assert_array_equal(found, array)


@quickly
@given(st.lists(st.text() | st.binary()))
def test_texts_come_back(texts):
    expected = [text.encode() if isinstance(text, str) else text for text in texts]
    assert round_trip(x=np.array(texts, dtype=object))["x"].numpy().tolist() == expected


@quickly
@given(ROWS)
def test_ragged_tensors_come_back(rows):
    ragged = tf.ragged.constant(rows, tf.int64, ragged_rank=2)
    assert round_trip(x=ragged)["x"].to_list() == rows


@quickly
@given(arrays.arrays(np.int32, arrays.array_shapes(min_dims=1, max_dims=3, max_side=3)))
def test_sparse_tensors_come_back(array):
    found = round_trip(x=tf.sparse.from_dense(array))["x"]
    np.testing.assert_array_equal(tf.sparse.to_dense(found), array)


def partly_ragged(rows, uniform, inner):
    """An int32 tensor of shape `[n, None, uniform, None, inner]`."""
    lengths = [len(row) for outer in rows for row in outer for _ in range(uniform)]
    values = tf.reshape(tf.range(sum(lengths) * inner), [-1, inner])
    ragged = tf.RaggedTensor.from_row_lengths(values, tf.constant(lengths, tf.int64))
    ragged = tf.RaggedTensor.from_uniform_row_length(ragged, uniform, nrows=sum(map(len, rows)))
    return tf.RaggedTensor.from_row_lengths(ragged, tf.constant([len(outer) for outer in rows], tf.int64))


@quickly
@given(ROWS, st.integers(0, 3), st.integers(1, 3))
def test_dimensions_of_one_length_among_ragged_ones_come_back(rows, uniform, inner):
    ragged = partly_ragged(rows, uniform, inner)
    found = round_trip(x=ragged)["x"]
    assert found.shape.as_list() == [len(rows), None, uniform, None, inner]
    assert found.to_list() == ragged.to_list()


@quickly
@given(ROWS)
def test_the_parser_of_tensorflow_reads_ragged_features(rows):
    ragged = tf.ragged.constant(rows, tf.int64, ragged_rank=2)
    keys = [tfexample_ragged_length_key("x", dimension) for dimension in (0, 1)]
    description = tf.io.RaggedFeature(tf.int64, "x", [tf.io.RaggedFeature.RowLengths(key) for key in keys])
    serialised = dict_to_tfexample({"x": ragged}).SerializeToString()
    assert tf.io.parse_single_example(serialised, {"x": description})["x"].to_list() == rows


def test_the_parser_of_tensorflow_reads_sparse_features():
    keys = [tfexample_sparse_indices_key("x", dimension) for dimension in (0, 1)]
    serialised = dict_to_tfexample({"x": tf.sparse.from_dense([[0, 7], [8, 0]])}).SerializeToString()
    parsed = tf.io.parse_single_example(serialised, {"x": tf.io.SparseFeature(keys, "x", tf.int64, [2, 2])})
    assert tf.sparse.to_dense(parsed["x"]).numpy().tolist() == [[0, 7], [8, 0]]


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (True, [1]),
        (np.False_, [0]),
        (3, [3]),
        (2**40, [2**40]),
        (0.5, [0.5]),
        ("é", ["é".encode()]),
        (b"a\0", [b"a\0"]),
        ([b"a\0", b""], [b"a\0", b""]),
        (np.array(["a", "bc"]), [b"a", b"bc"]),
        ([[1, 2], [3, 4]], [1, 2, 3, 4]),
        ([], []),
        (tf.constant([0.5, 2.0], tf.bfloat16), [0.5, 2.0]),
        (tf.constant("a"), [b"a"]),
        (np.array([2**63 - 1], np.uint64), [2**63 - 1]),
        (np.array([np.inf]), [float("inf")]),
    ],
)
def test_what_is_stored(value, expected):
    assert stored(dict_to_tfexample({"x": value}), "x") == expected


def test_shapes_are_stored_on_request():
    features = {"flat": [1, 2], "matrix": [[1, 2]], "ragged": tf.ragged.constant([[1]])}
    assert "_sh:matrix" not in dict_to_tfexample(features).features.feature
    example = dict_to_tfexample(features, store_shapes=True)
    assert stored(example, "_sh:matrix") == [1, 2]
    assert len(example.features.feature) == 5


@pytest.mark.parametrize(
    ("value", "message"),
    [
        (1j, "Feature 'x' is of type complex128, which tf.train.Example cannot hold; expected booleans"),
        (np.array(["2020-01-01"], np.datetime64), r"Feature 'x' is of type datetime64\[D\]"),
        (None, "Feature 'x' holds None of type NoneType"),
        ([1, "a"], "Feature 'x' holds 1 of type int"),
        ({"a": 1}, "Feature 'x' holds {'a': 1} of type dict.*flatten_dict takes dictionaries apart"),
        ([[1], [2, 3]], r"Feature 'x' is no array.*whose rows differ in length a tf.RaggedTensor"),
        (
            tf.ragged.constant([[1], [2, 3]]).numpy(),
            "of type ndarray, .* a feature whose rows differ in length a tf.Ra",
        ),
        (2**64 - 1, "Feature 'x' holds 18446744073709551615; tf.train.Example ends at 9223372036854775807"),
        (2**70, "Feature 'x' holds 1180591620717411303424 of type int"),
        (1e300, "Feature 'x' holds a float64 that is no finite float32"),
    ],
)
def test_what_a_proto_cannot_hold(value, message):
    with pytest.raises(FeatureError, match=message):
        dict_to_tfexample({"x": value})


def test_names_that_collide():
    with pytest.raises(FeatureError, match="Two features are stored as '_rl:0:x'"):
        dict_to_tfexample({"x": tf.ragged.constant([[1]]), "_rl:0:x": [1]})


@pytest.mark.parametrize(
    ("features", "message"),
    [
        ({"_rl:0:x": [1]}, "description of feature 'x' in the proto, and no values"),
        ({"x": [1], "_rl:1:x": [1]}, r"'x' does not fit its description in the proto: the dimensions are \[1\]"),
        ({"x": [1], "_rl:0:x": [2]}, "'x' does not fit its description in the proto"),
        ({"x": [1], "_rl:0:x": [1], "_sh:x": [1, 1]}, r"the shape is \[1, 1\], and there are row lengths of 1 ragged"),
        ({"x": [1], "_sp:0:x": [0]}, "shape of the sparse feature 'x' is not in the proto; write it with store_shapes"),
        ({"x": [1], "_sh:x": ["1"]}, "'x' does not fit its description in the proto"),
        ({"x": [1], "_sh:x": [2, 2]}, "'x' does not fit its description in the proto"),
    ],
)
def test_descriptions_that_do_not_fit(features, message):
    with pytest.raises(FeatureError, match=message):
        tfexample_to_dict(dict_to_tfexample(features))


def test_a_feature_without_values_is_text():
    example = tf.train.Example(features=tf.train.Features(feature={"x": tf.train.Feature()}))
    assert tfexample_to_dict(example)["x"].dtype == tf.string


# --- features that are known beforehand ------------------------------------------------------------------------------


def stored_and_restored(value):
    feature = StoredFeature.of("x", value)
    serialised = dict_to_tfexample({"x": value}).SerializeToString()
    return feature.restored(tf.io.parse_single_example(serialised, {"x": feature.parser})["x"])


@quickly
@given(DENSE.filter(lambda array: all(array.shape[1:])))
def test_arrays_come_back_with_dtype_and_shape(array):
    found = stored_and_restored(array).numpy()
    assert found.dtype == array.dtype
    assert found.shape == array.shape
    np.testing.assert_array_equal(found, array)


@pytest.mark.parametrize("scalar", [np.True_, np.int32(-3), np.float32(0.5), b"a\0", tf.constant(2.0, tf.bfloat16)])
def test_scalars_come_back_as_scalars(scalar):
    found = stored_and_restored(scalar)
    assert found.shape == []
    assert found.numpy() == (scalar.numpy() if isinstance(scalar, tf.Tensor) else scalar)


@quickly
@given(ROWS.filter(bool), st.integers(1, 3), st.integers(1, 3))
def test_ragged_features_come_back_with_dtype_and_shape(rows, uniform, inner):
    ragged = partly_ragged(rows, uniform, inner)
    found = stored_and_restored(ragged)
    assert found.dtype == tf.int32
    assert found.shape.as_list() == [len(rows), None, uniform, None, inner]
    assert found.to_list() == ragged.to_list()


@pytest.mark.parametrize(
    ("first", "other", "found"),
    [
        (np.zeros(2, np.int32), np.zeros(2, np.int64), r"int64 of shape \[\?\]; expected int32 of shape \[\?\], as in"),
        (np.zeros(2, np.int32), np.zeros((), np.int32), r"int32 of shape \[\]; expected int32 of shape \[\?\]"),
        (np.zeros((1, 3)) > 0, np.zeros((1, 4)) > 0, r"bool of shape \[\?, 4\]; expected bool of shape \[\?, 3\]"),
        (tf.ragged.constant([[1], []]), np.zeros((2, 1), np.int32), r"shape \[\?, 1\]; expected .* \[\?, \?\]"),
    ],
)
def test_examples_with_another_feature_than_the_first(first, other, found):
    feature = StoredFeature.of("x", first)
    feature.check(first)
    with pytest.raises(FeatureError, match=f"Feature 'x' is {found}|Feature 'x' is int32 of {found}"):
        feature.check(other)


def test_only_the_first_dimension_of_dense_features_differs():
    StoredFeature.of("x", np.zeros((1, 3)) > 0).check(np.zeros((0, 3)) > 0)


@pytest.mark.parametrize(
    ("value", "message"),
    [
        (np.zeros(2), "Feature 'x' is of type float64, which cannot be stored.*Cast it in a preprocessor"),
        (1j, "Feature 'x' is of type complex128, which cannot be stored"),
        (tf.sparse.from_dense([0, 7]), "Feature 'x' is sparse; make it dense with tf.sparse.to_dense"),
    ],
)
def test_what_cannot_be_stored_and_read_again(value, message):
    with pytest.raises(FeatureError, match=message):
        StoredFeature.of("x", value)
