from __future__ import annotations

import pytest
import tensorflow as tf

from evalkit import errors
from evalkit.data.shard import ShardInfo
from evalkit.data.sources import FileDataSource, FunctionDataSource, TFExampleDataSource, named_read_errors


@pytest.fixture
def good(tmp_path):
    """A TFRecord file of five records of 50 bytes; a record has 16 bytes of framing."""
    path = str(tmp_path / "good.tfrecord")
    with tf.io.TFRecordWriter(path) as writer:
        for _ in range(5):
            writer.write(b"x" * 50)
    return path


def damaged(good, change):
    """A second file beside `good`, changed."""
    content = bytearray(tf.io.gfile.GFile(good, "rb").read())
    path = good.replace("good", "bad")
    tf.io.gfile.GFile(path, "wb").write(bytes(change(content)))
    return path


def cut(content):
    return content[:-20]


def flip_payload(content):
    content[80] ^= 1
    return content


def flip_length(content):
    content[3] ^= 1
    return content


def no_records(content):
    return b"this is a text file, not a file of records"


def read(source, split="test"):
    with named_read_errors(source, split):
        return list(source.get_dataset(split).map(lambda record: record))


@pytest.mark.parametrize(
    ("change", "where"),
    [
        (cut, "after 4 examples: truncated record at 264"),
        (flip_payload, "after 1 examples: corrupted record at 78"),
        (flip_length, "after 0 examples: corrupted record at 0"),
        (no_records, "after 0 examples: corrupted record at 0 .Is this even a TFRecord file"),
    ],
)
def test_a_damaged_file_is_named_with_how_far_it_could_be_read(good, change, where):
    source = FileDataSource(tf.data.TFRecordDataset, {"test": [good, damaged(good, change)]})
    with pytest.raises(errors.SourceError, match=rf"split 'test', cannot be read: .*bad\.tfrecord', {where}") as info:
        read(source)
    assert isinstance(info.value.__cause__, tf.errors.OpError)


def test_a_record_that_lacks_a_feature_is_named(good):
    with tf.io.TFRecordWriter(good) as writer:
        writer.write(tf.train.Example().SerializeToString())
    source = TFExampleDataSource({"test": good}, {"x": tf.io.FixedLenFeature([], tf.string)})
    with pytest.raises(errors.SourceError, match=r"good\.tfrecord', after 0 examples: Feature: x .* could not be"):
        read(source)


@pytest.mark.parametrize(("declared", "found"), [(7, "only 5 elements"), (3, "at least 4 elements")])
def test_another_number_of_examples_than_was_declared_is_an_error(good, declared, found):
    source = FileDataSource(tf.data.TFRecordDataset, {"test": good}, num_input_examples={"test": declared})
    with pytest.raises(errors.SourceError, match=f"num_input_examples says {declared}, but there are {found}"):
        read(source)


def test_damage_behind_a_function_is_named_as_far_as_is_known(good):
    bad = damaged(good, cut)
    source = FunctionDataSource(lambda split, shuffle_files: tf.data.TFRecordDataset(bad), splits=["test"])
    with pytest.raises(errors.SourceError, match="FunctionDataSource, split 'test', cannot be read: .*truncated"):
        read(source)


def test_errors_of_preprocessors_pass_unchanged(good):
    source = FileDataSource(tf.data.TFRecordDataset, {"test": good})
    with pytest.raises(tf.errors.InvalidArgumentError, match="StringToNumber"), named_read_errors(source, "test"):
        list(source.get_dataset("test").map(tf.strings.to_number))


def test_what_can_be_read_is_read(good):
    assert len(read(FileDataSource(tf.data.TFRecordDataset, {"test": good}))) == 5
    assert FileDataSource(tf.data.TFRecordDataset, {"test": good}).find_damage("test") is None


def test_only_the_files_of_a_shard_are_read_again(good):
    source = FileDataSource(tf.data.TFRecordDataset, {"test": [good, damaged(good, cut)]})
    assert source.find_damage("test", ShardInfo(0, 2)) is None
    assert "bad.tfrecord" in source.find_damage("test", ShardInfo(1, 2))
    assert "bad.tfrecord" in source.find_damage("test", ShardInfo(0, 3))  # more readers than files: each reads all
