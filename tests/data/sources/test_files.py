from __future__ import annotations

import itertools

import pytest
import tensorflow as tf
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from evalkit import errors
from evalkit.data.shard import ShardInfo
from evalkit.data.sources import FileDataSource, TextLineDataSource


def write_lines(folder, name, lines):
    (folder / name).write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
    return str(folder / name)


@pytest.fixture
def twenty_files(tmp_path):
    """Files 00 to 19, of which each holds its own number."""
    for number in range(20):
        write_lines(tmp_path, f"part-{number:02d}", [number])
    return str(tmp_path / "part-*")


def read(source, split="train", **options):
    return [int(value) for value in source.get_dataset(split, **options).as_numpy_iterator()]


def paths_source(pattern, **options):
    return FileDataSource(tf.data.TextLineDataset, {"train": pattern}, **options)


def test_files_are_read_in_sorted_order(twenty_files):
    source = paths_source(twenty_files, cycle_length=1)
    assert read(source, shuffle=False) == list(range(20))
    assert len(source.list_shards("train")) == 20


def test_several_files_are_read_at_a_time_in_blocks(tmp_path):
    first = write_lines(tmp_path, "a", [1, 2, 3])
    second = write_lines(tmp_path, "b", [4, 5, 6])
    assert read(paths_source([first, second], block_length=2), shuffle=False) == [1, 2, 4, 5, 3, 6]
    assert read(paths_source([first, second], cycle_length=1), shuffle=False) == [1, 2, 3, 4, 5, 6]


def test_the_order_of_shuffled_files_follows_the_seed(twenty_files):
    """The orders are those of seqio 0.0.20 for the same files and seed."""
    full = [2, 13, 12, 19, 15, 5, 9, 1, 6, 8, 3, 0, 10, 4, 14, 7, 16, 17, 18, 11]
    of_two = [0, 2, 1, 4, 5, 3, 7, 6, 9, 10, 11, 8, 13, 14, 12, 16, 15, 18, 17, 19]
    assert read(paths_source(twenty_files), shuffle=True, seed=23) == full
    assert read(paths_source(twenty_files, file_shuffle_buffer_size=2), shuffle=True, seed=23) == of_two


@pytest.mark.parametrize("as_given", [list, tuple, iter, set], ids=lambda kind: kind.__name__)
def test_patterns_may_be_any_iterable(tmp_path, as_given):
    paths = [write_lines(tmp_path, name, [name]) for name in "12"]
    source = paths_source(as_given(paths))
    assert sorted(read(source)) == sorted(read(source)) == [1, 2]


def test_paths_may_be_path_objects(tmp_path):
    write_lines(tmp_path, "a", [1])
    assert read(paths_source(tmp_path / "a")) == [1]


def test_a_file_that_was_added_is_seen(tmp_path):
    source = paths_source(str(tmp_path / "*"))
    write_lines(tmp_path, "a", [1])
    assert read(source) == [1]
    write_lines(tmp_path, "b", [2])
    assert sorted(read(source)) == [1, 2]


@settings(max_examples=8, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(sizes=st.lists(st.integers(0, 4), min_size=1, max_size=6), num_shards=st.integers(1, 6), shuffle=st.booleans())
def test_shards_partition_the_rows(tmp_path_factory, sizes, num_shards, shuffle):
    folder = tmp_path_factory.mktemp("shards")
    for file, size in enumerate(sizes):
        write_lines(folder, f"part-{file}", [file * 10 + row for row in range(size)])
    source = TextLineDataSource({"train": str(folder / "part-*")})
    num_shards = min(num_shards, len(sizes))
    parts = [read(source, shuffle=shuffle, seed=1, shard_info=ShardInfo(i, num_shards)) for i in range(num_shards)]
    assert sorted(itertools.chain(*parts)) == sorted(read(source, shuffle=False))


def test_more_shards_than_files_are_refused(twenty_files):
    with pytest.raises(errors.SourceError, match="too few files to shard.*has 20 files for 21 shards"):
        paths_source(twenty_files).get_dataset("train", shard_info=ShardInfo(0, 21))


def test_a_declared_number_of_examples_is_the_length_of_the_whole(twenty_files):
    source = paths_source(twenty_files, num_input_examples={"train": 20})
    assert len(source.get_dataset("train")) == 20
    assert source.get_dataset("train", shard_info=ShardInfo(0, 2)).cardinality() == tf.data.UNKNOWN_CARDINALITY


def test_a_pattern_without_a_file_names_what_is_there(tmp_path):
    write_lines(tmp_path, "test-00000-of-00001", [1])
    source = paths_source(str(tmp_path / "tset-*"))
    with pytest.raises(errors.SourceError, match=r"No file is found for the file pattern '.*tset-\*' of split 'train'"):
        source.get_dataset("train")
    with pytest.raises(errors.SourceError, match="holds 'test-00000-of-00001'"):
        source.list_shards("train")


def test_a_folder_that_is_not_there_is_named(tmp_path):
    (tmp_path / "data").mkdir()
    with pytest.raises(errors.SourceError, match="There is no folder '.*/dta'; the folder '.*' holds 'data'"):
        paths_source(str(tmp_path / "dta" / "deep" / "*.txt")).list_shards("train")


def test_every_pattern_must_have_a_file(tmp_path):
    """seqio reads the rest, and nobody notices that a part of the data is missing."""
    present = write_lines(tmp_path, "a", [1])
    with pytest.raises(errors.SourceError, match="file pattern '.*missing'"):
        paths_source([present, str(tmp_path / "missing")]).get_dataset("train")


def test_an_unknown_split_names_those_there_are(twenty_files):
    with pytest.raises(errors.ArgumentError, match="FileDataSource has no split 'test'; it has 'train'"):
        paths_source(twenty_files).get_dataset("test")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"split_to_filepattern": "train*"}, "maps split names to file patterns.*found 'train"),
        ({"split_to_filepattern": {"train": []}}, r"Split 'train' has no file pattern: found \[\]"),
        ({"cycle_length": 0}, "cycle_length must be at least 1, found 0"),
        ({"block_length": 0}, "block_length must be at least 1"),
        ({"file_shuffle_buffer_size": 0}, "file_shuffle_buffer_size must be at least 1"),
        ({"read_file_fn": "tfrecord"}, "read_file_fn must be a function.*found 'tfrecord'"),
    ],
)
def test_what_cannot_work_is_refused_at_once(arguments, message):
    with pytest.raises(errors.ArgumentError, match=message):
        FileDataSource(**{"read_file_fn": tf.data.TextLineDataset, "split_to_filepattern": {"train": "a"}, **arguments})


def test_str_and_repr_show_the_arguments():
    source = paths_source("a*", file_shuffle_buffer_size=2, cycle_length=42)
    assert str(source) == "FileDataSource({'train': 'a*'})"
    assert repr(source) == (
        "FileDataSource(split_to_filepattern={'train': 'a*'}, num_input_examples=None, caching_permitted=True, "
        "file_shuffle_buffer_size=2, cycle_length=42, block_length=16)"
    )


def test_the_fingerprint_changes_with_the_files_and_with_what_reads_them(tmp_path):
    path = write_lines(tmp_path, "a", [1])
    before = paths_source(path).fingerprint("train")
    assert paths_source(path).fingerprint("train") == before
    others = {
        FileDataSource(lambda p: tf.data.TextLineDataset(p).skip(1), {"train": path}).fingerprint("train"),
        paths_source(path, block_length=1).fingerprint("train"),
    }
    write_lines(tmp_path, "a", [1, 2])
    others.add(paths_source(path).fingerprint("train"))
    assert len(others | {before}) == 4


def test_a_reader_that_cannot_be_told_has_no_fingerprint(tmp_path):
    path, handle = write_lines(tmp_path, "a", [1]), (line for line in "abc")
    assert FileDataSource(lambda p: handle, {"train": path}).fingerprint("train") is None
