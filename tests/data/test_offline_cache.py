"""Reading caches that seqio wrote (the layout and the features are written out here by hand)."""

from __future__ import annotations

import itertools
import json

import numpy as np
import pytest
import tensorflow as tf

from evalkit.data import (
    CacheDatasetPlaceholder,
    ShardInfo,
    add_global_cache_dirs,
    get_global_cache_dirs,
    set_global_cache_dirs,
)
from evalkit.errors import ArgumentError, CacheError, NotCachedError, SourceError


@pytest.fixture(autouse=True)
def cache_dirs(tmp_path):
    set_global_cache_dirs([tmp_path])
    yield
    set_global_cache_dirs([])


def feature(values):
    first = values[0] if values else 0
    if isinstance(first, bytes):
        return tf.train.Feature(bytes_list=tf.train.BytesList(value=values))
    if isinstance(first, float):
        return tf.train.Feature(float_list=tf.train.FloatList(value=values))
    return tf.train.Feature(int64_list=tf.train.Int64List(value=[int(value) for value in values]))


def write_cache(folder, files, features, split="train", **info):
    """A cache folder with one list of examples for each file; an example maps feature names to flat lists."""
    folder.mkdir(parents=True, exist_ok=True)
    for i, examples in enumerate(files):
        with tf.io.TFRecordWriter(str(folder / f"{split}.tfrecord-{i:05d}-of-{len(files):05d}")) as writer:
            for example in examples:
                values = {name: feature(value) for name, value in example.items()}
                writer.write(tf.train.Example(features=tf.train.Features(feature=values)).SerializeToString())
    content = {"features": features, "num_shards": len(files), "seqio_version": "0.0.20", **info}
    (folder / f"info.{split}.json").write_text(json.dumps(content))
    count = sum(map(len, files))
    (folder / f"stats.{split}.json").write_text(json.dumps({"examples": count, "inputs_tokens": 2 * count}))
    (folder / "COMPLETED").touch()


TOKENS = {"inputs": {"shape": [None], "dtype": "int32"}, "targets": {"shape": [None], "dtype": "int32"}}
FILES = [[{"inputs": [i], "targets": [i, 9]} for i in numbers] for numbers in ([0, 1], [2], [3, 4])]


@pytest.fixture
def cached(tmp_path, make_task):
    write_cache(tmp_path / "numbers", FILES, TOKENS)
    return make_task("numbers", preprocessors=[CacheDatasetPlaceholder()])


def test_the_cache_is_read_instead_of_the_source(cached, tmp_path, inputs_of):
    dataset = cached.get_dataset(use_cached=True, shuffle=False)
    assert inputs_of(dataset) == [0, 1, 2, 3, 4]
    assert len(dataset) == 5
    assert dataset.element_spec["inputs"] == tf.TensorSpec([None], tf.int32)
    assert cached.cache_dir == str(tmp_path / "numbers")
    cached.assert_cached()


def test_steps_after_the_placeholder_run_on_cached_examples(cached, inputs_of):
    def add_ten(dataset):
        return dataset.map(lambda example: {**example, "inputs": example["inputs"] + 10})

    def fail(dataset):
        raise RuntimeError("not to be called")

    task = cached.replace(preprocessors=[fail, CacheDatasetPlaceholder(), add_ten])
    assert inputs_of(task.get_dataset(use_cached=True, shuffle=False)) == [10, 11, 12, 13, 14]


@pytest.mark.parametrize("num_shards", [2, 3, 4])  # at the files, and beyond their number at the examples
def test_shards_of_a_cache(cached, inputs_of, num_shards):
    shards = [
        inputs_of(cached.get_dataset(use_cached=True, shard_info=ShardInfo(i, num_shards), seed=1))
        for i in range(num_shards)
    ]
    assert sorted(itertools.chain(*shards)) == [0, 1, 2, 3, 4]


def test_shuffling_a_cache_is_repeatable(cached, inputs_of):
    orders = [inputs_of(cached.get_dataset(use_cached=True, seed=seed)) for seed in (1, 1, 2)]
    assert orders[0] == orders[1]
    assert sorted(orders[2]) == [0, 1, 2, 3, 4]


def test_statistics(cached):
    assert cached.get_cached_stats("train") == {"examples": 5, "inputs_tokens": 10}
    message = "Stats do not exist for 'numbers' split: test\n.*stats.test.json. Was this split cached"
    with pytest.raises(CacheError, match=message):
        cached.get_cached_stats("test")


def test_a_split_that_was_not_cached(cached):
    with pytest.raises(CacheError, match="do not exist for task 'numbers', split 'test'"):
        cached.get_dataset(split="test", use_cached=True)


def test_a_colon_in_a_name_is_a_folder(tmp_path, make_task):
    write_cache(tmp_path / "t5" / "glue", FILES, TOKENS)
    assert make_task("t5:glue").cache_dir == str(tmp_path / "t5" / "glue")


def test_without_the_marker_there_is_no_cache(cached, tmp_path):
    (tmp_path / "numbers" / "COMPLETED").unlink()
    assert cached.cache_dir is None
    for call in (cached.assert_cached, cached.get_cached_stats):
        with pytest.raises(NotCachedError, match="'numbers' does not exist in any of the task cache directories"):
            call()
    with pytest.raises(AssertionError):  # what code written for seqio catches
        cached.assert_cached()


def test_directories_are_searched_in_order(cached, tmp_path):
    write_cache(tmp_path / "second" / "numbers", FILES, TOKENS)
    set_global_cache_dirs([tmp_path / "nowhere", tmp_path / "second"])
    add_global_cache_dirs([str(tmp_path), str(tmp_path)])
    assert get_global_cache_dirs() == [str(tmp_path / "nowhere"), str(tmp_path / "second"), str(tmp_path)]
    assert cached.cache_dir == str(tmp_path / "second" / "numbers")


def test_one_path_instead_of_a_list(tmp_path):
    with pytest.raises(ArgumentError, match="Expected a list of cache directories"):
        add_global_cache_dirs(str(tmp_path))


def test_every_kind_of_feature_comes_back(tmp_path, make_task, features):
    write_cache(
        tmp_path / "kinds",
        [
            [
                {
                    "inputs": [1, 2],
                    "targets": [3],
                    "flag": [True],
                    "number": [7],
                    "weight": [0.5],
                    "text": [b"a"],
                    "matrix": [1, 2, 3, 4],
                    "ragged": [1, 2, 3],
                    "_rl:0:ragged": [2, 1],
                    "answer_plaintext": [b"b"],
                }
            ]
        ],
        {
            **TOKENS,
            "flag": {"shape": [], "dtype": "bool"},
            "number": {"shape": [], "dtype": "int64"},
            "weight": {"shape": [], "dtype": "float32"},
            "text": {"shape": [], "dtype": "string"},
            "matrix": {"shape": [None, 2], "dtype": "int32"},
            "ragged": {"shape": [None, None], "dtype": "int32"},
            "answer_plaintext": {"shape": [], "dtype": "string"},
        },
    )
    task = make_task("kinds", preprocessors=[CacheDatasetPlaceholder()])
    (example,) = task.get_dataset(use_cached=True, shuffle=False)
    found = {name: value.to_list() if name == "ragged" else value.numpy() for name, value in example.items()}
    assert found.pop("ragged") == [[1, 2], [3]]
    np.testing.assert_array_equal(found.pop("matrix"), [[1, 2], [3, 4]])
    assert found["flag"].dtype == np.bool_ and found["number"].dtype == np.int64
    assert (found["flag"], found["number"], found["weight"], found["text"]) == (True, 7, 0.5, b"a")
    assert found["answer_pretokenized"] == b"b"  # the older name of the suffix
    assert "answer_plaintext" not in found


def test_a_cache_from_before_the_version_stamp(tmp_path, make_task):
    declared = {name: {"shape": [None], "dtype": "int64"} for name in TOKENS}
    write_cache(tmp_path / "old", FILES, declared)
    path = tmp_path / "old" / "info.train.json"
    info = json.loads(path.read_text())
    del info["seqio_version"]
    path.write_text(json.dumps(info))
    dataset = make_task("old", preprocessors=[CacheDatasetPlaceholder()]).get_dataset(use_cached=True)
    assert dataset.element_spec["inputs"].dtype == tf.int32


def test_a_file_that_is_missing(cached, tmp_path):
    (tmp_path / "numbers" / "train.tfrecord-00001-of-00003").unlink()
    with pytest.raises(CacheError, match="is partial: 1 of 3 files are missing, .*train.tfrecord-00001-of-00003"):
        cached.get_dataset(use_cached=True)


def test_examples_that_are_missing(cached, tmp_path):
    (tmp_path / "numbers" / "stats.train.json").write_text(json.dumps({"examples": 6}))
    with pytest.raises(tf.errors.OpError, match="expected to contain 6 elements but contained only 5"):
        list(cached.get_dataset(use_cached=True, shuffle=False))


def test_files_with_another_number_of_examples_are_named(cached, tmp_path):
    (tmp_path / "numbers" / "stats.train.json").write_text(json.dumps({"examples": 6}))
    message = (
        "Task 'numbers', split 'train': its offline cache is not as it was written; .* says 6, but there are only 5"
    )
    with pytest.raises(CacheError, match=message), cached.named_read_errors("train", use_cached=True):
        list(cached.get_dataset(use_cached=True, shuffle=False))


def test_a_file_that_cannot_be_read_is_named(cached, tmp_path):
    path = tmp_path / "numbers" / "train.tfrecord-00002-of-00003"
    content = bytearray(path.read_bytes())
    content[-8] ^= 1
    path.write_bytes(content)
    message = "Task 'numbers', split 'train': its offline cache .*train.tfrecord-00002-of-00003', after 1 examples"
    with pytest.raises(CacheError, match=message), cached.named_read_errors("train", use_cached=True):
        list(cached.get_dataset(use_cached=True, shuffle=False))


def test_errors_of_a_source_stay_those_of_the_source(make_task):
    with pytest.raises(SourceError, match="here"), make_task().named_read_errors("train"):
        raise SourceError("here")


@pytest.mark.parametrize(
    ("file", "content", "message"),
    [
        ("info.train.json", "{", "Feature descriptions of task 'numbers', split 'train', are not JSON: .*info.train"),
        ("stats.train.json", "[]", "Stats of task 'numbers', split 'train', are no JSON object: .*stats.train.json"),
        ("info.train.json", "{}", "is damaged: expected 'num_shards' and 'features'.*KeyError: 'features'"),
        ("info.train.json", '{"num_shards": 3, "features": {"inputs": 3}}', "is damaged: .*TypeError"),
        (
            "info.train.json",
            '{"num_shards": 3, "features": {"a": {"shape": [], "dtype": "x"}}}',
            "is damaged: .*TypeErr",
        ),
    ],
)
def test_a_damaged_description(cached, tmp_path, file, content, message):
    (tmp_path / "numbers" / file).write_text(content)
    with pytest.raises(CacheError, match=message):
        cached.get_dataset(use_cached=True)
