"""Windows change how examples are computed, and nothing about the examples."""

from __future__ import annotations

import pytest
import tensorflow as tf

from evalkit.transforms.length_checks import check_lengths
from evalkit.transforms.windows import WINDOW, map_examples, map_windows, over_windows, select, takes_windows


def dataset_of(rows, **spec):
    signature = {name: spec.get(name, tf.TensorSpec([None], tf.int32)) for name in rows[0]}
    return tf.data.Dataset.from_generator(lambda: iter(rows), output_signature=signature)


def counting(calls):
    def double(window):
        tf.py_function(lambda: calls.append(1), [], [])
        return {name: 2 * value for name, value in window.items()}

    return double


def test_a_function_is_called_once_a_window_and_the_examples_keep_their_order():
    calls = []
    examples = tf.data.Dataset.range(3 * WINDOW + 1).map(lambda number: {"x": number})
    doubled = [int(example["x"]) for example in map_windows(examples, counting(calls), ["x"])]
    assert doubled == [2 * number for number in range(3 * WINDOW + 1)]
    assert len(calls) == 4


def test_the_length_of_the_dataset_stays_known():
    def identity(window):
        return dict(window)

    examples = tf.data.Dataset.range(70).map(lambda number: {"x": number})
    assert len(map_windows(examples, identity, ["x"])) == 70
    assert map_windows(examples.repeat(), identity, ["x"]).cardinality() == tf.data.INFINITE_CARDINALITY
    unknown = examples.filter(lambda example: example["x"] < 40)
    assert map_windows(unknown, identity, ["x"]).cardinality() == tf.data.UNKNOWN_CARDINALITY
    assert len(list(map_windows(unknown, identity, ["x"]))) == 40


def test_a_chain_of_steps_stays_in_windows():
    calls = []
    examples = tf.data.Dataset.range(2 * WINDOW).map(lambda number: {"x": number})
    step = over_windows(counting(calls))
    twice = map_examples(map_examples(map_windows(examples, counting(calls), ["x"]), step), step)
    assert [int(example["x"]) for example in twice][:3] == [0, 8, 16]
    assert len(calls) == 3 * 2


def test_a_function_of_windows_converts_one_example_when_called_directly():
    @over_windows
    def reverse(window):
        return {name: tf.reverse(value, [1]) for name, value in window.items()}

    assert reverse({"x": tf.constant([1, 2])})["x"].numpy().tolist() == [2, 1]
    assert takes_windows(reverse)
    assert not takes_windows(lambda window: window)


def test_a_method_of_windows_is_called_with_its_object_and_one_that_overrides_it_gets_examples():
    class Shift:
        by = 10

        @over_windows
        def convert(self, window):
            assert window["x"].shape.rank == 1
            return {"x": window["x"] + self.by}

    class Override(Shift):
        def convert(self, window):
            assert window["x"].shape.rank == 0
            return super().convert({"x": 2 * window["x"]})

    numbers = map_windows(tf.data.Dataset.range(3).map(lambda number: {"x": number}), dict, ["x"])
    assert [int(example["x"]) for example in map_examples(numbers, Shift().convert)] == [10, 11, 12]
    assert [int(example["x"]) for example in map_examples(numbers, Override().convert)] == [10, 12, 14]


def test_rows_without_elements():
    """`Dataset.unbatch` would crash the process here."""
    examples = dataset_of([{"x": []}, {"x": []}])
    assert [example["x"].shape for example in map_windows(examples, dict, ["x"])] == [[0], [0]]


def test_selecting_features_keeps_the_windows():
    calls = []
    examples = map_windows(tf.data.Dataset.range(4).map(lambda n: {"x": n, "y": n}), dict, ["x", "y"])
    doubled = map_examples(select(examples, ["y"]), over_windows(counting(calls)))
    assert [{name: int(value) for name, value in example.items()} for example in doubled][3] == {"y": 6}
    assert len(calls) == 1


@pytest.mark.parametrize("in_windows", [False, True])
def test_lengths_are_checked_example_by_example_and_in_windows(in_windows):
    rows = dataset_of([{"x": [1, 2]}, {"x": [1, 2, 3]}])
    checked = check_lengths(rows, {"x": {0: 2}}, exact=False, stage="the test")
    read = map_windows(checked, dict, ["x"]) if in_windows else checked
    with pytest.raises(
        tf.errors.InvalidArgumentError, match=r"length not less than or equal to .* 2 during the test; .*\[3\]"
    ):
        list(read)
    assert len(list(check_lengths(rows, {"x": {0: 3}}, exact=False, stage="the test"))) == 2


def test_exact_lengths():
    rows = dataset_of([{"x": [1, 2]}, {"x": [1]}])
    checked = check_lengths(rows, {"x": {0: 2}}, exact=True, stage="the test")
    with pytest.raises(tf.errors.InvalidArgumentError, match=r"length not equal to the expected length of 2"):
        list(checked)


def test_ragged_rows_are_checked_one_by_one():
    ragged = tf.data.Dataset.from_tensors({"x": tf.ragged.constant([[1, 2], [3]])})
    assert len(list(check_lengths(ragged, {"x": {0: 2, 1: 2}}, exact=False, stage="the test"))) == 1
    with pytest.raises(tf.errors.InvalidArgumentError, match=r"not equal to the expected length of 2"):
        list(check_lengths(ragged, {"x": {1: 2}}, exact=True, stage="the test"))
