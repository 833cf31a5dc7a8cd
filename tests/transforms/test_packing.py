"""Packing gives the rows that its definition says; `test_packing_laws` has what must hold for any definition."""

from __future__ import annotations

import pytest
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st

from evalkit.errors import ArgumentError, FeatureError
from evalkit.transforms import trim_and_pack_dataset


def dataset_of(rows, dtype=tf.int32):
    signature = {name: tf.TensorSpec([None], dtype) for name in rows[0]}
    return tf.data.Dataset.from_generator(lambda: iter(rows), output_signature=signature)


def pack(rows, lengths):
    packed = trim_and_pack_dataset(dataset_of(rows), lengths)
    return [{name: value.tolist() for name, value in row.items()} for row in packed.as_numpy_iterator()]


def stripped(tokens):
    """Without the padding at its end."""
    return stripped(tokens[:-1]) if tokens and tokens[-1] == 0 else tokens


def greedily(rows, lengths):
    """The definition: groups of as many examples as the longest length, and within a group, one row after the other."""
    group = max(lengths.values())
    filled = []
    for number, row in enumerate(rows):
        example = {name: stripped(row[name][:length]) for name, length in lengths.items()}
        fits = number % group and all(
            sum(len(one[name]) for one in filled[-1]) + len(example[name]) <= length for name, length in lengths.items()
        )
        if not fits:
            filled.append([])
        filled[-1].append(example)
    return [written(examples, lengths) for examples in filled]


def written(examples, lengths):
    """One row: the tokens of its examples, and of each its segment and position."""
    examples = [example for example in examples if any(example.values())]
    row = {}
    for name, length in lengths.items():
        tokens = [
            (token, segment, position)
            for segment, example in enumerate(examples, start=1)
            for position, token in enumerate(example[name])
        ]
        tokens += [(0, 0, 0)] * (length - len(tokens))
        row[name], row[f"{name}_segment_ids"], row[f"{name}_positions"] = (
            list(column) for column in zip(*tokens, strict=True)
        )
    return row


def test_two_examples_share_a_row():
    rows = [{"inputs": [7, 8, 5, 1], "targets": [3, 9, 1]}, {"inputs": [8, 4, 9, 3, 1], "targets": [4, 1]}]
    assert pack(rows, {"inputs": 10, "targets": 7}) == [
        {
            "inputs": [7, 8, 5, 1, 8, 4, 9, 3, 1, 0],
            "inputs_segment_ids": [1, 1, 1, 1, 2, 2, 2, 2, 2, 0],
            "inputs_positions": [0, 1, 2, 3, 0, 1, 2, 3, 4, 0],
            "targets": [3, 9, 1, 4, 1, 0, 0],
            "targets_segment_ids": [1, 1, 1, 2, 2, 0, 0],
            "targets_positions": [0, 1, 2, 0, 1, 0, 0],
        }
    ]


def test_an_example_that_does_not_fit_in_one_feature_begins_a_row():
    rows = [{"inputs": [1], "targets": [1, 2]}, {"inputs": [2], "targets": [3, 4]}]
    assert [row["inputs"] for row in pack(rows, {"inputs": 8, "targets": 3})] == [[1] + [0] * 7, [2] + [0] * 7]


def test_what_is_longer_than_a_row_is_cut():
    rows = pack([{"targets": [1, 2, 3, 4]}, {"targets": [5, 6]}], {"targets": 3})
    assert [row["targets"] for row in rows] == [[1, 2, 3], [5, 6, 0]]


def test_a_zero_within_a_sequence_is_a_token_and_zeros_at_its_end_are_padding():
    (row,) = pack([{"targets": [5, 0, 6, 0]}, {"targets": [0, 7]}], {"targets": 6})
    assert row["targets"] == [5, 0, 6, 0, 7, 0]
    assert row["targets_segment_ids"] == [1, 1, 1, 2, 2, 0]
    assert row["targets_positions"] == [0, 1, 2, 0, 1, 0]


def test_segments_of_all_features_count_the_same_examples():
    rows = [
        {"inputs": [1], "targets": [2]},
        {"inputs": [], "targets": [3]},
        {"inputs": [], "targets": []},
        {"inputs": [4], "targets": [5]},
    ]
    (row,) = pack(rows, {"inputs": 4, "targets": 4})
    assert (row["inputs"], row["inputs_segment_ids"]) == ([1, 4, 0, 0], [1, 3, 0, 0])
    assert (row["targets"], row["targets_segment_ids"]) == ([2, 3, 5, 0], [1, 2, 3, 0])


def test_examples_without_a_token_make_an_empty_row():
    assert pack([{"targets": []}, {"targets": [0]}], {"targets": 2}) == [
        {"targets": [0, 0], "targets_segment_ids": [0, 0], "targets_positions": [0, 0]}
    ]


def test_no_examples_make_no_rows():
    assert list(trim_and_pack_dataset(dataset_of([{"targets": [1]}]).take(0), {"targets": 2})) == []


def test_the_result_is_int32_with_static_lengths_and_without_other_features():
    rows = dataset_of([{"targets": [1], "meta": [2]}], tf.int64)
    spec = tf.TensorSpec([3], tf.int32)
    assert trim_and_pack_dataset(rows, {"targets": 3}).element_spec == {
        "targets": spec,
        "targets_segment_ids": spec,
        "targets_positions": spec,
    }


def test_an_iterator_over_packed_rows_can_be_saved_and_restored(tmp_path):
    dataset = trim_and_pack_dataset(tf.data.Dataset.range(1, 400).map(lambda i: {"targets": i[None]}), {"targets": 4})
    iterator = iter(dataset)
    for _ in range(3):
        next(iterator)
    path = tf.train.Checkpoint(iterator=iterator).save(str(tmp_path / "iterator"))
    expected = next(iterator)["targets"].numpy().tolist()
    restored = iter(dataset)
    tf.train.Checkpoint(iterator=restored).restore(path)
    assert next(restored)["targets"].numpy().tolist() == expected == [13, 14, 15, 16]


sequences = st.lists(st.integers(0, 9), max_size=7)


@settings(max_examples=12, deadline=None)  # each of many groups, which are packed independently
@given(
    st.lists(st.fixed_dictionaries({"inputs": sequences, "targets": sequences}), min_size=1, max_size=100),
    st.integers(1, 9),
    st.integers(1, 9),
)
def test_packing_equals_the_definition(rows, inputs_length, targets_length):
    lengths = {"inputs": inputs_length, "targets": targets_length}
    assert pack(rows, lengths) == greedily(rows, lengths)


def test_a_feature_that_is_missing():
    with pytest.raises(FeatureError, match=r"'targets', which is to be packed, is not in the dataset.*\['inputs'\]"):
        trim_and_pack_dataset(dataset_of([{"inputs": [1]}]), {"targets": 2})


def test_a_feature_of_two_dimensions():
    rows = tf.data.Dataset.from_tensors({"inputs": [[1, 2]]})
    with pytest.raises(FeatureError, match=r"must be one-dimensional. Feature 'inputs' has shape \(1, 2\)"):
        trim_and_pack_dataset(rows, {"inputs": 2})


def test_a_feature_of_floats():
    with pytest.raises(FeatureError, match="must hold integers. Feature 'inputs' has dtype float32"):
        trim_and_pack_dataset(dataset_of([{"inputs": [0.5]}], tf.float32), {"inputs": 2})


def test_a_length_below_one():
    with pytest.raises(ArgumentError, match="'inputs' is to be packed to length 0; expected at least 1"):
        trim_and_pack_dataset(dataset_of([{"inputs": [1]}]), {"inputs": 0})


def test_custom_operations():
    with pytest.raises(ArgumentError, match="use_custom_ops=True asks for Tensor2Tensor's"):
        trim_and_pack_dataset(dataset_of([{"inputs": [1]}]), {"inputs": 2}, use_custom_ops=True)
