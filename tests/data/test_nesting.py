"""Nested dictionaries as flat ones and back."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from evalkit.data import flatten_dict, unflatten_dict
from evalkit.errors import FeatureError

quickly = settings(max_examples=40, deadline=None)
NAMES = st.text("abc", max_size=2)
NESTED = st.recursive(
    st.dictionaries(NAMES, st.integers(), min_size=1),
    lambda inner: st.dictionaries(NAMES, st.integers() | inner, min_size=1),
    max_leaves=6,
)


@quickly
@given(NESTED, st.sampled_from(["/", "::"]))
def test_what_is_flattened_comes_back(nested, delimiter):
    flat = flatten_dict(nested, delimiter)
    assert not any(isinstance(value, dict) for value in flat.values())
    assert unflatten_dict(flat, delimiter) == nested


def test_dictionaries_without_values_vanish():
    assert flatten_dict({"a": {}, "b": 1}) == {"b": 1}


def test_two_values_of_one_name():
    with pytest.raises(FeatureError, match="Two values get the name 'a/b'"):
        flatten_dict({"a": {"b": 1}, "a/b": 2})


@pytest.mark.parametrize("flat", [{"a": 1, "a/b": 2}, {"a/b": 1, "a": 2}, {"a": 1, "a/b/c": 2}])
def test_a_value_where_values_are_inside_of(flat):
    with pytest.raises(FeatureError, match=f"The name '{list(flat)[1]}' is taken"):
        unflatten_dict(flat)
