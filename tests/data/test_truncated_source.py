"""The first examples of a source, whoever reads them and in whatever order."""

from __future__ import annotations

import itertools
import threading

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from evalkit import errors
from evalkit.data import FunctionDataSource, InMemoryDataSource, ShardInfo, TextLineDataSource, TruncatedDatasetProvider
from evalkit.data.reading import open_source
from evalkit.data.sources import named_read_errors


@given(st.integers(1, 12), st.integers(1, 12), st.integers(1, 4), st.integers(1, 5), st.booleans())
@settings(max_examples=12, deadline=None)
def test_shards_divide_the_first_examples(make_source, inputs_of, count, size, num_files, num_shards, shuffle):
    rows = make_source(count, num_files, num_input_examples={"train": count})
    source = TruncatedDatasetProvider(rows, {"train": size})
    shards = [
        inputs_of(open_source(source, "train", shuffle, 1, ShardInfo(index, num_shards))) for index in range(num_shards)
    ]
    first = inputs_of(rows.get_dataset("train", shuffle=False))[:size]
    assert sorted(itertools.chain(*shards)) == sorted(first)
    assert source.num_input_examples("train") == len(first)


def test_shuffling_neither_changes_which_examples_are_read_nor_is_left_to_chance(make_source, inputs_of):
    source = TruncatedDatasetProvider(make_source(100, num_files=5), {"train": 20})

    def read(**kwargs):
        return inputs_of(source.get_dataset("train", **kwargs))

    plain = read(shuffle=False)
    assert read(shuffle=False, seed=3) == plain
    assert sorted(read(seed=1)) == sorted(read(seed=2)) == sorted(plain)
    assert read(seed=1) == read(seed=1) != read(seed=2)  # seqio forgets the seed
    assert read() != read()


def test_the_shuffle_buffer_is_as_asked(make_source, inputs_of):
    source = TruncatedDatasetProvider(make_source(), {"train": 10}, shuffle_buffer_size=2)
    numbers = inputs_of(source.get_dataset("train", seed=1))
    assert numbers != list(range(10)) == sorted(numbers)
    assert all(number <= position + 1 for position, number in enumerate(numbers))  # of two, one is drawn


def test_other_splits_are_read_as_they_are(make_source, inputs_of, caplog):
    rows = make_source(10, num_files=2, splits=("train", "test"), num_input_examples={"train": 10, "test": 10})
    source = TruncatedDatasetProvider(rows, {"train": 3})
    assert inputs_of(source.get_dataset("test", shuffle=False)) == inputs_of(rows.get_dataset("test", shuffle=False))
    assert source.num_input_examples("test") == 10
    for num_shards in (2, 3):  # at the source, and at the examples
        shards = [
            inputs_of(source.get_dataset("test", seed=1, shard_info=ShardInfo(i, num_shards)))
            for i in range(num_shards)
        ]
        assert sorted(itertools.chain(*shards)) == list(range(10))
    assert not caplog.records
    inputs_of(TruncatedDatasetProvider(rows, {"tain": 3}).get_dataset("train"))
    assert "there is no split 'tain'; split 'train' is read whole" in caplog.text


def test_it_takes_after_its_child(make_source):
    child = make_source(num_files=3, performs_internal_shuffling=True, caching_permitted=False)
    source = TruncatedDatasetProvider(child, {"train": 2})
    assert (source.splits, source.list_shards("train")) == (child.splits, child.list_shards("train"))
    assert source.performs_internal_shuffling and not source.caching_permitted
    assert source.num_input_examples("train") is None  # nobody knows that of the child
    assert repr(source) == f"TruncatedDatasetProvider(child={child!r}, split_sizes={{'train': 2}})"


def test_the_fingerprint_is_the_childs_and_the_size():
    rows, more = (InMemoryDataSource({"train": [{"n": n} for n in range(count)]}) for count in (3, 4))
    prints = [
        TruncatedDatasetProvider(child, sizes).fingerprint("train")
        for child, sizes in [(rows, {"train": 2}), (rows, {"train": 1}), (rows, {"test": 2}), (more, {"train": 2})]
    ]
    assert len(set(prints)) == 4
    assert TruncatedDatasetProvider(rows, {"train": 2, "test": 9}).fingerprint("train") == prints[0]
    lock = threading.Lock()
    unknown = FunctionDataSource(lambda split, shuffle_files: lock, ["train"])
    assert TruncatedDatasetProvider(unknown, {"train": 2}).fingerprint("train") is None


def test_damage_is_found_in_the_child(tmp_path):
    (tmp_path / "bad.txt").write_bytes(b"a\n\xff\n")
    source = TruncatedDatasetProvider(TextLineDataSource({"test": str(tmp_path / "bad.txt")}), {"test": 2})
    with pytest.raises(errors.SourceError, match="TruncatedDatasetProvider, split 'test', .* file .*bad.txt', after"):
        with named_read_errors(source, "test"):
            list(source.get_dataset("test", shuffle=False))


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"split_sizes": {"train": 0}}, r"split_sizes\['train'\] must be at least 1, found 0"),
        ({"split_sizes": {"train": 1, "test": -5}}, r"split_sizes\['test'\] must be at least 1, found -5"),
        ({"split_sizes": {}, "shuffle_buffer_size": -1}, "shuffle_buffer_size must be at least 1, found -1"),
    ],
)
def test_sizes_are_checked_at_once(make_source, arguments, message):
    with pytest.raises(errors.ArgumentError, match=message):
        TruncatedDatasetProvider(make_source(), **arguments)
