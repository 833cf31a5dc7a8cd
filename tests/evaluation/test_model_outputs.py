"""Whatever order a model function answers in, outputs come back in the order of the examples, or an error says why
not."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from evalkit.errors import ModelOutputError
from evalkit.evaluation.model_outputs import ordered_outputs


@given(st.permutations(range(7)), st.lists(st.integers(-9, -1), max_size=5), st.randoms(use_true_random=False))
def test_any_order_and_any_padding_give_the_order_of_the_examples(order, padding, random):
    pairs = [(i, f"out{i}") for i in order] + [(i, "padding") for i in padding]
    random.shuffle(pairs)
    assert ordered_outputs("t", 7, pairs).outputs == [f"out{i}" for i in range(7)]


@given(st.permutations(range(5)))
def test_auxiliary_values_stay_with_their_pair(order):
    pairs = [(i, i) for i in order]
    aux = {"flat": [10 * i for i in order], "array": np.array(order)}
    aux["tree"] = {"deep": (list(order), [str(i) for i in order])}
    result = ordered_outputs("t", 5, (pairs, aux))
    assert result.auxiliary == {
        "flat": [0, 10, 20, 30, 40],
        "array": [0, 1, 2, 3, 4],
        "tree": {"deep": ([0, 1, 2, 3, 4], ["0", "1", "2", "3", "4"])},
    }


def test_padding_takes_its_auxiliary_values_with_it():
    result = ordered_outputs("t", 2, ([(-1, "x"), (1, "b"), (0, "a")], {"p": [9, 1, 0]}))
    assert result.raw == (["a", "b"], {"p": [0, 1]})


@pytest.mark.parametrize(
    "pairs",
    [
        [(1, [7, 8, 9]), (0, [5])],  # ragged rows
        ((1, [7, 8, 9]), (0, [5])),  # a tuple of two pairs is no (pairs, auxiliary)
        iter([(1, [7, 8, 9]), (0, [5])]),  # a generator
        [(np.int64(1), [7, 8, 9]), (np.int32(0), [5])],  # numpy indices
        [[1, [7, 8, 9]], [0, [5]]],  # pairs as lists, e.g. read from JSON
    ],
)
def test_every_shape_of_pairs_that_the_contract_allows(pairs):
    assert ordered_outputs("t", 2, pairs).outputs == [[5], [7, 8, 9]]


def test_an_array_of_indices_and_scores():
    assert ordered_outputs("t", 3, np.array([[2, 0.25], [0, 0.5], [1, 0.75]])).outputs == [0.5, 0.75, 0.25]


def test_empty_outputs_are_outputs():
    assert ordered_outputs("t", 2, [(0, []), (1, "")]).outputs == [[], ""]


@pytest.mark.parametrize(
    ("indices", "message"),
    [
        ([0, 1, 1, 3], r"1 missing \(2\), 1 duplicated \(1\)"),  # seqio silently shifts the scores here
        ([0, 1, 2], r"3 outputs for 4 examples.*1 missing \(3\)"),
        ([0, 1, 2, 3, 7], r"1 foreign \(7\)"),
        ([0, 1, 2, -3], r"1 missing \(3\)"),
        ([], r"0 outputs for 4 examples.*4 missing \(0, 1, 2, 3\)"),
        ([0, 1, 2, 3, 3, 3], r"1 duplicated \(3\)"),
    ],
)
def test_anything_but_each_index_once_is_an_error_that_says_which(indices, message):
    with pytest.raises(ModelOutputError, match="(?s)Task 'gsm8k'.*" + message):
        ordered_outputs("gsm8k", 4, [(i, i) for i in indices])


def test_an_error_lists_the_first_few_only():
    with pytest.raises(ModelOutputError, match=r"100 missing \(0, 1, 2, 3, 4, …\)"):
        ordered_outputs("t", 100, [])


@pytest.mark.parametrize(
    ("result", "message"),
    [
        (None, "returned NoneType; expected pairs"),
        ({0: "a"}, "returned dict; expected pairs"),
        ("ab", "returned str; expected pairs"),
        ([(0, "a"), 5], "element 1 of what the model function returned is 5"),
        ([(0, "a"), "ab"], "element 1 of what the model function returned is 'ab'"),
        ([(0, "a", "b")], r"element 0 .* is \(0, 'a', 'b'\); expected a pair"),
        ([(0.5, "a")], "an index is 0.5; expected the integer"),
        ([("0", "a")], "an index is '0'; expected the integer"),
    ],
)
def test_what_is_no_pairs_is_refused(result, message):
    with pytest.raises(ModelOutputError, match=message):
        ordered_outputs("t", 1, result)


def test_auxiliary_values_must_be_as_many_as_pairs():
    with pytest.raises(ModelOutputError, match="auxiliary value p has 3 values for 2 pairs"):
        ordered_outputs("t", 2, ([(0, "a"), (1, "b")], {"p": [1, 2, 3]}))
    with pytest.raises(ModelOutputError, match="auxiliary value p.q has a float for 2 pairs"):
        ordered_outputs("t", 2, ([(0, "a"), (1, "b")], {"p": {"q": 0.5}}))
