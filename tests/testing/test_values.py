"""Where two values differ first, in words."""

from __future__ import annotations

import jax.numpy as jnp
import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given
from hypothesis import strategies as st

from evalkit.errors import ArgumentError
from evalkit.testing.values import Closeness, difference

NESTED = st.recursive(st.integers(-5, 5) | st.text(max_size=3) | st.floats(), lambda inner: st.lists(inner, max_size=3))


@pytest.mark.parametrize(
    ("found", "expected"),
    [
        (3, 3.0),
        (True, 1),
        (np.float32(0.1), 0.1),
        (float("nan"), float("nan")),
        (float("-inf"), float("-inf")),
        ("naïve", "naïve".encode()),
        (np.array(["a", "b"]), [b"a", "b"]),
        (tf.constant([[1], [2]]), [[1], [2]]),
        (tf.ragged.constant([[1], []]), [[1], []]),
        (tf.sparse.from_dense([0, 2]), [0, 2]),
        (jnp.arange(3), (0, 1, 2)),
        (tf.constant([1.5], tf.bfloat16), [1.5]),
        (np.array([np.array([1]), np.array([2, 3])], object), [[1], [2, 3]]),
        (np.zeros([0], np.int32), []),
        (1j, 1j),
        ({"a": [1]}, {"a": np.array([1])}),
        (None, None),
    ],
)
def test_equal(found, expected):
    assert difference(found, expected) is None


@pytest.mark.parametrize(
    ("found", "expected", "text"),
    [
        (3, 4, "found 3, expected 4"),
        (3, "3", "found 3, expected '3'"),
        ([3], 3, "found [3], expected 3"),
        (None, 0, "found None, expected 0"),
        (2, 2.0000000001, "found 2, expected 2.0000000001"),  # an integer is what it is
        (1e300, float("inf"), "found 1e+300, expected inf"),
        ("", "a", "at character 0: found '', expected 'a'"),
        (b"\xff", "a", r"at character 0: found '\\xff', expected 'a'"),
        (["a", "b"], ["a", "c"], "at [1], character 0: found 'b', expected 'c'\n    found    'a' >'b'<"),
        ([[1], [2, 3]], [[1], [2, 4]], "at [1][1]: found 3, expected 4\n    found    2 >3<\n    expected 2 >4<"),
        ([1, 2], [1], "at [1]: found 2, expected the end\n    found    1 >2<\n    expected 1"),
        ([[1]], [[1], []], "at [1]: found the end, expected []"),
        ([1, [2]], [1, 2], "at [1]: found [2], expected 2"),
        ({"a": 1}, {"b": 1}, "found keys ['a'], expected ['b']"),
        ([{"a": [1]}], [{"a": [2]}], "at [0]['a'][0]: found 1, expected 2"),
        (np.int32(1), np.int64(1), "found dtype int32, expected int64"),
        (tf.constant("a"), np.array([1]), "found dtype string, expected int64"),
    ],
)
def test_different(found, expected, text):
    assert difference(found, expected).startswith(text)


def test_the_neighbours_of_a_difference_are_shown():
    found, expected = list(range(30)), [*range(20), 99, *range(21, 30)]
    assert difference(found, expected).splitlines() == [
        "at [20]: found 20, expected 99",
        "    found    … 14 15 16 17 18 19 >20< 21 22 23 24 25 26 … (30 elements)",
        "    expected … 14 15 16 17 18 19 >99< 21 22 23 24 25 26 … (30 elements)",
    ]


def test_a_long_text_is_shown_where_it_differs():
    text = difference("x" * 100 + "a" + "y" * 100, "x" * 100 + "b" + "y" * 100)
    assert text == f"at character 100: found '…{'x' * 30}a{'y' * 29}…', expected '…{'x' * 30}b{'y' * 29}…'"


def test_a_long_element_is_cut():
    assert len(difference([["a" * 500], 1], [1, 1]).splitlines()[0]) < 100


@pytest.mark.parametrize(("rtol", "atol", "equal"), [(0.0, 0.0, False), (0.01, 0.0, True), (0.0, 0.02, True)])
def test_tolerances(rtol, atol, equal):
    assert (difference([2.0], [2.01], Closeness(rtol, atol)) is None) is equal


def test_dtypes_may_be_left_aside():
    assert difference(np.int32(1), np.int64(1), Closeness(dtypes=False)) is None


@pytest.mark.parametrize("tolerance", [{"rtol": -1.0}, {"atol": float("nan")}])
def test_a_tolerance_is_not_negative(tolerance):
    with pytest.raises(ArgumentError, match="tol must be a number >= 0"):
        Closeness(**tolerance)


@given(NESTED)
def test_every_value_equals_itself(value):
    assert difference(value, value) is None


@given(st.lists(st.integers(0, 3), min_size=1, max_size=40), st.data())
def test_the_first_different_position_is_found(values, data):
    position = data.draw(st.integers(0, len(values) - 1))
    other = [*values[:position], *(value + 1 for value in values[position:])]
    assert difference(values, other).startswith(f"at [{position}]: ")
    assert difference(np.array(values), other).startswith(f"at [{position}]: ")
