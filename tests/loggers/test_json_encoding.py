"""Values as strict JSON."""

from __future__ import annotations

import collections
import dataclasses
import json
import math

import hypothesis
import hypothesis.strategies as st
import ml_dtypes
import numpy as np
import orjson
import pytest
import tensorflow as tf

from evalkit.loggers import TensorAndNumpyEncoder
from evalkit.loggers.json_encoding import encode, encode_with

Point = collections.namedtuple("Point", "x y")


@dataclasses.dataclass
class Answer:
    text: str
    score: float | None = None
    ids: np.ndarray | None = None


TABLE = [
    # value, its JSON as the standard library reads it
    (np.int32(3), 3),
    (np.uint64(2**64 - 1), 2**64 - 1),
    (np.float32(0.1), 0.10000000149011612),  # the number that it is, not the shortest text for it
    (np.float16(0.5), 0.5),
    (np.bool_(True), True),
    (ml_dtypes.bfloat16(1.5), 1.5),
    (np.array([1, 2]), [1, 2]),
    (np.array(7), 7),
    (np.zeros((2, 2)), [[0.0, 0.0], [0.0, 0.0]]),
    (np.array([1.5, 2], ml_dtypes.bfloat16), [1.5, 2.0]),
    (np.array([b"a", b"\xff"], object), ["a", "/w=="]),
    (np.longdouble(0.25), 0.25),
    (np.arange(33, dtype=np.int8), "ndarray(shape=(33,), dtype=int8); summary: 0, 1, 2, 3, 4 ... 28, 29, 30, 31, 32"),
    (
        np.arange(36, dtype=np.float32).reshape(6, 6) / 2,
        "ndarray(shape=(6, 6), dtype=float32); summary: 0.0, 0.5, 1.0, 1.5, 2.0 ... 15.5, 16.0, 16.5, 17.0, 17.5",
    ),
    (
        np.arange(40).astype(ml_dtypes.bfloat16),
        "ndarray(shape=(40,), dtype=bfloat16); summary: 0.0, 1.0, 2.0, 3.0, 4.0 ... 35.0, 36.0, 37.0, 38.0, 39.0",
    ),
    (tf.constant([1, 2, 3]), [1, 2, 3]),
    (tf.constant(1.5, tf.bfloat16), 1.5),
    (tf.constant("text"), "text"),
    (tf.constant([b"a", b"b"]), ["a", "b"]),
    (tf.ragged.constant([[1], [2, 3]]), [[1], [2, 3]]),
    (b"caf\xc3\xa9", "café"),
    (b"\x99", "mQ=="),
    (Answer("yes"), {"text": "yes"}),
    (Answer("yes", 0.5, np.array([1])), {"text": "yes", "score": 0.5, "ids": [1]}),
    (Point(1, np.int64(2)), [1, 2]),
    ({"a": (1, [None, True])}, {"a": [1, [None, True]]}),
    ({1: "a", None: "b"}, {"1": "a", "null": "b"}),
    (2**70, 2**70),
    ("line\nfeed \u2028 \x00", "line\nfeed \u2028 \x00"),
    # what JSON does not have
    (math.nan, None),
    ([math.inf, -math.inf, 1.0], [None, None, 1.0]),
    (np.array([np.nan, 1]), [None, 1.0]),
    ({2**70: math.nan, "text": "NaN"}, {str(2**70): None, "text": "NaN"}),
    ("\ud800 alone", "? alone"),
]


@pytest.mark.parametrize("value, expected", TABLE, ids=[repr(value)[:30] for value, _ in TABLE])
def test_values(value, expected):
    assert json.loads(encode(value)) == expected


@pytest.mark.parametrize("value, expected", TABLE, ids=[repr(value)[:30] for value, _ in TABLE])
def test_the_standard_librarys_encoder_gives_the_same(value, expected):
    assert json.loads(encode_with(TensorAndNumpyEncoder, value)) == expected


def test_jax_arrays():
    jnp = pytest.importorskip("jax.numpy")
    assert json.loads(encode({"score": jnp.float32(1.5), "ids": jnp.arange(3)})) == {"score": 1.5, "ids": [0, 1, 2]}


@pytest.mark.parametrize("value", [object(), {1, 2}, 1j, np.complex64(1j), Answer, {("a", "b"): 1}])
def test_what_has_no_json_form(value):
    with pytest.raises(TypeError):
        encode(value)
    with pytest.raises(TypeError, match="not JSON serializable|keys must be"):
        encode_with(TensorAndNumpyEncoder, value)


def test_a_value_that_contains_itself():
    endless: list[object] = []
    endless.append(endless)
    with pytest.raises((ValueError, RecursionError), match="Circular|recursion"):
        encode(endless)


def test_the_encoder_is_used_as_the_standard_librarys():
    assert TensorAndNumpyEncoder().encode(np.array([1, 2, 3])) == "[1, 2, 3]"
    assert TensorAndNumpyEncoder(max_ndarray_size=2).encode(np.arange(3)).startswith('"ndarray(shape=(3,)')
    assert json.dumps({"a": np.int32(1)}, cls=TensorAndNumpyEncoder, sort_keys=True) == '{"a": 1}'


JSON_LIKE = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(st.characters()) | st.binary(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3),
    max_leaves=10,
)


@hypothesis.given(JSON_LIKE)
def test_the_result_is_strict_json_whatever_the_value(value):
    text = encode(value)
    assert json.loads(text, parse_constant=pytest.fail) == json.loads(encode_with(TensorAndNumpyEncoder, value))
    orjson.loads(text)  # refuses NaN, lone surrogates and invalid UTF-8
