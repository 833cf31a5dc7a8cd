from __future__ import annotations

import pytest
import tensorflow as tf

from evalkit import errors
from evalkit.data.sources import ProtoDataSource, TFExampleDataSource

DESCRIPTION = {"text": tf.io.FixedLenFeature([], tf.string), "ids": tf.io.RaggedFeature(tf.int64)}


def proto(text, ids):
    feature = {
        "text": tf.train.Feature(bytes_list=tf.train.BytesList(value=[text])),
        "ids": tf.train.Feature(int64_list=tf.train.Int64List(value=ids)),
    }
    return tf.train.Example(features=tf.train.Features(feature=feature)).SerializeToString()


@pytest.fixture
def records(tmp_path):
    path = str(tmp_path / "train.tfrecord")
    with tf.io.TFRecordWriter(path) as writer:
        for number in range(3):
            writer.write(proto(b"row %d" % number, range(number)))
    return path


def rows(source):
    return [(row["text"], row["ids"].tolist()) for row in source.get_dataset("train").as_numpy_iterator()]


def test_examples_are_parsed(records):
    expected = [(b"row 0", []), (b"row 1", [0]), (b"row 2", [0, 1])]
    assert rows(TFExampleDataSource({"train": records}, DESCRIPTION)) == expected


def test_a_reader_may_give_tuples_that_end_in_the_proto(records):
    def keyed(path):
        return tf.data.TFRecordDataset(path).enumerate()

    assert len(rows(TFExampleDataSource({"train": records}, DESCRIPTION, reader_cls=keyed))) == 3


def test_protos_are_decoded_by_a_function(records):
    source = ProtoDataSource({"train": records}, lambda record: {"size": tf.strings.length(record)})
    sizes = [int(row["size"]) for row in source.get_dataset("train").as_numpy_iterator()]
    assert sizes == [len(proto(b"row %d" % number, range(number))) for number in range(3)]


def test_no_features_are_refused():
    with pytest.raises(errors.ArgumentError, match="feature_description maps feature names .* found {}"):
        TFExampleDataSource({"train": "a"}, {})


def test_a_decoder_must_be_a_function():
    with pytest.raises(errors.ArgumentError, match="decode_proto_fn must be a function .* found 'json'"):
        ProtoDataSource({"train": "a"}, "json")  # type: ignore[arg-type]


def test_str_and_repr_show_the_arguments():
    source = TFExampleDataSource({"train": "a*"}, {"x": tf.io.FixedLenFeature([], tf.string)})
    beginning = (
        "TFExampleDataSource(split_to_filepattern={'train': 'a*'}, feature_description={'x': FixedLenFeature(shape=[], "
        "dtype=tf.string, default_value=None)}"
    )
    assert str(source) == beginning + ")"
    assert repr(source).startswith(beginning + ", reader_cls=<class")
    assert str(ProtoDataSource({"train": "a"}, len)) == "ProtoDataSource({'train': 'a'})"
    assert repr(ProtoDataSource({"train": "a"}, len)) == (
        "ProtoDataSource(split_to_filepattern={'train': 'a'}, num_input_examples=None, caching_permitted=True, "
        "file_shuffle_buffer_size=None, cycle_length=16, block_length=16)"
    )


def test_the_fingerprint_knows_what_is_parsed_and_how(records):
    less = {"text": DESCRIPTION["text"]}
    prints = {
        TFExampleDataSource({"train": records}, DESCRIPTION).fingerprint("train"),
        TFExampleDataSource({"train": records}, less).fingerprint("train"),
        ProtoDataSource({"train": records}, tf.strings.length).fingerprint("train"),
        ProtoDataSource({"train": records}, lambda record: tf.strings.length(record) + 1).fingerprint("train"),
    }
    assert len(prints - {None}) == 4
