"""Packing loses no token and splits no example, whatever the features, lengths, shards and shapes."""

from __future__ import annotations

import numpy as np
import tensorflow as tf
from hypothesis import example, given, settings
from hypothesis import strategies as st

from evalkit.data import Feature, FunctionDataSource, ShardInfo, TaskRegistry, get_dataset, scoped_registries
from evalkit.feature_converters import EncDecFeatureConverter
from evalkit.transforms import trim_and_pack_dataset
from evalkit.vocabularies import PassThroughVocabulary

NAMES = ("inputs", "targets", "hints")


def of_any_length(examples):
    signature = {name: tf.TensorSpec([None], tf.int32) for name in examples[0]}
    return tf.data.Dataset.from_generator(lambda: iter(examples), output_signature=signature)


def of_one_length(examples):
    """The same examples, filled up with zeros to the longest."""
    longest = max(len(row[name]) for row in examples for name in row) or 1
    filled = {name: [row[name] + [0] * (longest - len(row[name])) for row in examples] for name in examples[0]}
    return tf.data.Dataset.from_tensor_slices({name: np.array(rows, np.int32) for name, rows in filled.items()})


def ragged(examples):
    columns = {name: tf.ragged.constant([row[name] for row in examples], tf.int32) for name in examples[0]}
    return tf.data.Dataset.from_tensor_slices(columns)


def cut(row, lengths):
    """What of an example is to be packed: no more than fits a row, without zeros at the end."""
    found = {}
    for name, length in lengths.items():
        tokens = row[name][:length]
        while tokens and tokens[-1] == 0:
            tokens = tokens[:-1]
        found[name] = tokens
    return found


def examples_in(row, lengths):
    """The examples of a packed row in order, after checking that it is well formed."""
    ids = {name: row[f"{name}_segment_ids"].tolist() for name in lengths}
    for name, length in lengths.items():
        filled = [segment for segment in ids[name] if segment]
        assert ids[name] == sorted(filled) + [0] * (length - len(filled))  # one example after the other, then padding
        assert all(not row[name][i] and not row[f"{name}_positions"][i] for i in range(len(filled), length))
    count = max(max(segments) for segments in ids.values())
    assert {segment for segments in ids.values() for segment in segments} - {0} == set(range(1, count + 1))
    for segment in range(1, count + 1):
        found = {}
        for name in lengths:
            places = [i for i, other in enumerate(ids[name]) if other == segment]
            assert row[f"{name}_positions"][places].tolist() == list(range(len(places)))
            found[name] = row[name][places].tolist()
        yield found


def packed(dataset, lengths):
    rows = trim_and_pack_dataset(dataset, lengths).as_numpy_iterator()
    return [found for row in rows for found in examples_in(row, lengths)]


@st.composite
def examples_and_lengths(draw):
    """Up to 60 examples of one to three features; most fit a row, some are longer, some have zeros or no token."""
    names = NAMES[: draw(st.integers(1, 3))]
    lengths = {name: draw(st.integers(1, 12)) for name in names}
    sequences = st.lists(st.integers(0, 5), max_size=15)
    return draw(st.lists(st.fixed_dictionaries({name: sequences for name in names}), min_size=1, max_size=60)), lengths


@settings(max_examples=15, deadline=None)
@given(examples_and_lengths(), st.integers(1, 3), st.sampled_from([of_any_length, of_one_length, ragged]))
@example(
    ([{"inputs": [0, 3, 0], "targets": []}, {"inputs": [], "targets": [0, 0, 4, 4]}], {"inputs": 5, "targets": 3}),
    1,
    ragged,
)
def test_every_example_is_in_one_place_whole_and_in_order(drawn, num_shards, make):
    """Every shard packs its own examples: all that have a token, in all their features, and nothing else."""
    examples, lengths = drawn
    for shard in range(num_shards):
        expected = [cut(row, lengths) for row in examples[shard::num_shards]]
        found = packed(make(examples).shard(num_shards, shard), lengths)
        assert found == [row for row in expected if any(row.values())]


def test_shards_of_a_task_are_packed_each_and_lose_nothing():
    """The way a trainer takes: `get_dataset` with a converter that packs, one shard after the other."""
    rng = np.random.default_rng(0)
    examples = [{"inputs": [n + 1] * rng.integers(1, 6), "targets": [n + 1] * rng.integers(1, 9)} for n in range(50)]
    feature = Feature(PassThroughVocabulary(100), add_eos=False)
    lengths = {"inputs": 16, "targets": 16}
    found = []
    with scoped_registries():
        TaskRegistry.add(
            "numbers",
            FunctionDataSource(lambda split, shuffle_files: of_any_length(examples), splits=["train"]),
            {"inputs": feature, "targets": feature},
        )
        for index in range(3):
            rows = get_dataset(
                "numbers", lengths, EncDecFeatureConverter(pack=True), shuffle=False, shard_info=ShardInfo(index, 3)
            )
            found += rows.as_numpy_iterator()
    for name, kind in (("inputs", "encoder_input_tokens"), ("targets", "decoder_target_tokens")):
        tokens = np.concatenate([row[kind] for row in found])
        expected = sorted(token for row in examples for token in row[name])
        assert sorted(tokens[tokens > 0].tolist()) == expected
    assert sum(row["decoder_segment_ids"].max() for row in found) == len(examples)
