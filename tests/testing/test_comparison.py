"""Examples compared with examples."""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf

from evalkit.errors import ArgumentError
from evalkit.testing import (
    assert_contains,
    assert_dataset,
    assert_datasets_differ,
    assert_datasets_equal,
    assert_examples,
    assert_values_equal,
)

slices = tf.data.Dataset.from_tensor_slices


def failure(check, *arguments, **options):
    """What `check` finds wrong."""
    with pytest.raises(AssertionError) as caught:
        check(*arguments, **options)
    return str(caught.value)


RAGGED = slices({"a": tf.ragged.constant([[[1], [2, 3]]])})


@pytest.mark.parametrize(
    ("found", "expected"),
    [
        (slices({"a": [1, 2], "b": ["x", "y"]}), [{"a": 1, "b": "x"}, {"a": 2, "b": b"y"}]),
        (slices({"a": [1, 2]}), slices({"a": [1, 2]})),
        ({"a": 1}, [{"a": 1}]),
        (iter([{"a": {"b": 1}}]), [{"a/b": 1}]),
        (RAGGED, [{"a": [[1], [2, 3]]}]),
        ([], []),
        (slices({"a": [0.1]}), {"a": 0.1}),
    ],
)
def test_equal_examples(found, expected):
    assert_examples(found, expected)


def test_each_difference_says_where_it_is():
    message = failure(
        assert_examples,
        slices({"a": [1, 2, 3], "b": ["x", "y", "z"]}),
        [{"a": 1, "b": "x"}, {"a": 9, "c": 1}, {"a": 3, "b": "z"}, {"a": 4}],
    )
    assert message.splitlines() == [
        "Examples: found 3, expected 4. Example 3 is missing: {'a': 4}",
        "1 of 4 examples differ:",
        "example 1, feature 'a': found 2, expected 9",
        "example 1 lacks feature 'c'; it has 'a', 'b'",
        "example 1 has feature 'b', which is not expected: 'y'",
    ]


def test_examples_that_are_not_expected_are_shown():
    assert "Examples: found 2, expected 1. Example 1 is not expected: {'a': 2}" in failure(
        assert_examples, slices({"a": [1, 2]}), [{"a": 1}]
    )


def test_only_the_first_differences_are_shown():
    message = failure(assert_examples, [{"a": i} for i in range(20)], [{"a": i + 1} for i in range(20)])
    assert message.startswith("20 of 20 examples differ:")
    assert message.endswith("example 4, feature 'a': found 4, expected 5\n… and 15 more.")


def test_dtypes_count_where_both_have_one():
    assert "feature 'a': found dtype int32, expected int64" in failure(
        assert_examples, slices({"a": [1]}), slices({"a": np.array([1])})
    )
    assert_examples(slices({"a": [1]}), [{"a": 1}])


def test_tolerance():
    assert_examples([{"a": 1.0}], [{"a": 1.1}], atol=0.2)
    assert "found 1.0, expected 1.1" in failure(assert_examples, [{"a": 1.0}], [{"a": 1.1}])


def test_a_dataset_without_end_is_refused():
    with pytest.raises(ArgumentError, match="has no end"):
        assert_examples(slices({"a": [1]}).repeat(), [])


def test_elements_must_be_dictionaries():
    with pytest.raises(ArgumentError, match="Element 0 is .*expected a dictionary.*take the second"):
        assert_examples(slices({"a": [1]}).enumerate(), [])


@pytest.mark.parametrize(
    ("dataset", "expected"),
    [
        (slices({"a": [[1, 1, 1]]}), {"a": 1}),  # a single value stands for each element
        (slices({"a": [["x"]]}), {"a": "x"}),
        (slices({"a": np.array([[1]])}), [{"a": tf.constant([1])}]),  # int64 and int32
        (RAGGED, [{"a": [[1], [2, 3]]}]),
        (slices({"a": tf.zeros([1, 0])}), [{"a": []}]),
        (tf.data.Dataset.from_tensors({"a": {"b": [1, 2]}}), {"a": {"b": [1, 2]}}),
    ],
)
def test_values_of_a_dataset(dataset, expected):
    assert_dataset(dataset, expected)


@pytest.mark.parametrize(
    ("dataset", "expected", "text"),
    [
        (slices({"a": tf.zeros([1, 0])}), {"a": 5}, "found [], expected 5"),  # seqio passes this
        (slices({"a": [1]}), {"a": [1, 1]}, "found 1, expected [1, 1]"),  # and this
        (slices({"a": [1]}), [], "Examples: found 1, expected 0."),
        (slices({"a": [1]}), [{"a": 1}, {"a": 2}], "Example 1 is missing: {'a': 2}"),
    ],
)
def test_other_values_of_a_dataset(dataset, expected, text):
    assert text in failure(assert_dataset, dataset, expected)


def test_dtypes_that_are_asked_for():
    dataset = slices({"a": [1], "b": ["x"]})
    assert_dataset(dataset, {"a": 1, "b": "x"}, {"a": tf.int32, "b": "string"})
    assert failure(assert_dataset, dataset, {"a": 1, "b": "x"}, {"a": tf.int64, "c": tf.int64}).splitlines() == [
        "feature 'a': found dtype int32, expected int64",
        "feature 'c': found dtype None, expected int64",
    ]
    assert_dataset([{"a": np.int32(1)}], {"a": 1}, expected_dtypes={"a": tf.int32})
    assert_dataset(slices({"a": [1]}).take(0), [], {"a": tf.int32})


def test_datasets_have_the_same_values_or_not():
    one, same, other = slices({"a": [1]}), slices({"a": np.array([1])}), slices({"a": [1.0 + 1e-9]})
    assert_datasets_equal(one, same)
    assert_datasets_equal(RAGGED, RAGGED)
    assert_datasets_differ(one, other.map(lambda row: {"a": row["a"] + 1}))
    assert "found 1, expected 2" in failure(assert_datasets_equal, one, slices({"a": [2]}))
    assert failure(assert_datasets_differ, one, same) == "The datasets are equal (1 examples); expected a difference."


def test_dictionaries():
    assert_values_equal({"a": np.array([1, 2]), "b": {"c": 1}}, {"a": [1, 2], "b": {"c": 1}})
    assert "feature 'b/c': found 1, expected 2" in failure(assert_values_equal, {"b": {"c": 1}}, {"b": {"c": 2}})
    assert_contains({"a": [1, 2]}, {"a": np.array([1, 2]), "b": 1})
    assert "lacks feature 'z'" in failure(assert_contains, {"z": 1}, {"a": 1})


def test_a_failure_points_to_the_test(pytester):
    """The frames of the tools are hidden: what pytest shows is the line of the test, and what differs."""
    pytester.makepyfile(
        """
        from evalkit.testing import assert_examples

        def test_it():
            assert_examples([{"a": 1}], [{"a": 2}])
        """
    )
    result = pytester.runpytest_inprocess("-p", "no:cacheprovider", "-p", "no:hypothesispytest")
    result.stdout.fnmatch_lines(["*>*assert_examples([[]{*", "E *1 of 1 examples differ:*", "E *found 1, expected 2*"])
    result.stdout.no_fnmatch_line("*raise AssertionError*")
