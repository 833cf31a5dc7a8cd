"""What `cache_tasks` writes, and that it comes back as it was."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf
import tensorflow_datasets as tfds

from evalkit.caching import CacheSettings
from evalkit.data import CacheDatasetPlaceholder, Feature, TaskRegistry, TfdsDataSource, set_tfds_data_dir_override
from evalkit.errors import FeatureError
from evalkit.transforms import map_over_dataset
from evalkit.vocabularies import PassThroughVocabulary
from tests.data.sources.test_tfds import NAME, TinySums

ONE_FILE = CacheSettings(min_files=1)


def examples_of(dataset):
    """Every example as plain values, sorted: files are read interleaved."""

    def plain(value):
        return (
            value.to_list()
            if isinstance(value, tf.RaggedTensor | tf.compat.v1.ragged.RaggedTensorValue)
            else (np.asarray(value).tolist())
        )

    return sorted(repr({name: plain(value) for name, value in sorted(example.items())}) for example in dataset)


def test_the_layout(make_task, write_caches, output_dir):
    make_task("a:b", splits=["train", "test"])
    assert write_caches(TaskRegistry.get("a:b"), settings=CacheSettings(min_files=4)) == {
        "train": "written",
        "test": "written",
    }
    per_split = [
        "info.{}.json",
        "manifest.{}.json",
        "stats.{}.json",
        *(f"{{}}.tfrecord-0000{i}-of-00004" for i in range(4)),
    ]
    names = {name.format(split) for split in ("train", "test") for name in per_split} | {"COMPLETED"}
    assert {path.name for path in Path(output_dir, "a", "b").iterdir()} == names
    info = json.loads(Path(output_dir, "a", "b", "info.train.json").read_text())
    assert info["num_shards"] == 4 and info["seqio_version"] == "0.0.20"
    assert info["features"] == {
        "inputs": {"shape": [None], "dtype": "int32"},
        "inputs_pretokenized": {"shape": [], "dtype": "string"},
        "targets": {"shape": [None], "dtype": "int32"},
        "targets_pretokenized": {"shape": [], "dtype": "string"},
    }
    stats = json.loads(Path(output_dir, "a", "b", "stats.train.json").read_text())
    assert stats["examples"] == 10
    assert stats["inputs_tokens"] == 10 * len("question 0") and stats["inputs_chars"] == 10 * len("question 0")


def test_the_cache_holds_what_the_task_makes(make_task, write_caches):
    task = make_task(files=3, splits=["train", "test"])
    write_caches(task)
    for split in task.splits:
        cached = task.get_dataset(split=split, use_cached=True, shuffle=False)
        fresh = task.get_dataset(split=split, shuffle=False)
        assert cached.element_spec == fresh.element_spec
        assert len(cached) == 10
        assert examples_of(cached) == examples_of(fresh)


def test_a_file_has_the_order_of_its_part_of_the_source(make_task, write_caches, output_dir):
    write_caches(make_task(files=2, rows=20), settings=CacheSettings(min_files=4))
    order = {}
    for index in range(4):
        path = Path(output_dir, "lines", f"train.tfrecord-0000{index}-of-00004")
        examples = map(tf.train.Example.FromString, tf.data.TFRecordDataset(str(path)).as_numpy_iterator())
        texts = [example.features.feature["inputs_pretokenized"].bytes_list.value[0] for example in examples]
        order[index] = [int(text.split()[1]) for text in texts]
    # Two pieces, the even and the odd rows, each written to two files in turn.
    assert order == {0: [0, 4, 8, 12, 16], 1: [1, 5, 9, 13, 17], 2: [2, 6, 10, 14, 18], 3: [3, 7, 11, 15, 19]}


EVERY_KIND = {
    "flag": [True, False],
    "ids": [[1, 2, 3], []],
    "small": np.array([1, 255], np.uint8),
    "long": [2**40, -(2**40)],
    "weight": np.array([0.5, -1.5], np.float32),
    "half": np.array([0.5, -1.5], np.float16),
    "text": ["a\0b", "ü"],
    "texts": [["a", "b"], []],
    "matrix": [[[1, 2], [3, 4]], [[5, 6]]],
    "ragged": [[[1], [2, 3], []], [[]]],
}


def test_every_kind_of_feature_comes_back(make_task_of, write_caches):
    task = make_task_of(EVERY_KIND)
    write_caches(task, settings=ONE_FILE)
    cached, fresh = (task.get_dataset(use_cached=cached, shuffle=False) for cached in (True, False))
    assert examples_of(cached) == examples_of(fresh)
    specs = ({name: (spec.dtype, spec.shape.rank) for name, spec in ds.element_spec.items()} for ds in (cached, fresh))
    assert next(specs) == next(specs)


def test_dense_rows_of_a_size_that_only_the_examples_tell(make_task_of, write_caches, output_dir):
    def unknown(dataset):
        return dataset.map(
            lambda row: {"m": tf.ensure_shape(tf.reshape(row["x"], [-1, tf.size(row["x"]) // 2]), [None, None])}
        )

    steps = [unknown, CacheDatasetPlaceholder()]
    task = make_task_of({"x": [[1, 2, 3, 4], [5, 6, 7, 8]]}, preprocessors=steps)
    write_caches(task, settings=CacheSettings(min_files=1, pieces=2))
    assert json.loads(Path(output_dir, "columns", "info.train.json").read_text())["features"]["m"]["shape"] == [None, 2]
    assert [
        example["m"].tolist() for example in task.get_dataset(use_cached=True, shuffle=False).as_numpy_iterator()
    ] == [
        [[1, 2], [3, 4]],
        [[5, 6], [7, 8]],
    ]
    for pieces, message in ((1, "rows of different sizes: one example is of shape"), (2, "of shape .* in one piece")):
        task = make_task_of({"x": [[1, 2, 3, 4], [5, 6]]}, preprocessors=steps)
        with pytest.raises(
            FeatureError, match=f"'columns', split 'train'.*feature 'm'.*{message}|Feature 'm'.*{message}"
        ):
            write_caches(task, settings=CacheSettings(min_files=1, pieces=pieces), overwrite=True)


def test_pieces_and_files(make_task, write_caches, output_dir):
    """More pieces than the source has shards: each reads all of it and keeps every n-th row."""
    task = make_task(files=2)
    write_caches(task, settings=CacheSettings(min_files=1, pieces=5), splits=["train"])
    assert len(list(Path(output_dir, "lines").glob("train.tfrecord-*-of-00005"))) == 5
    assert examples_of(task.get_dataset(use_cached=True, shuffle=False)) == examples_of(task.get_dataset(shuffle=False))
    write_caches(task, settings=CacheSettings(min_files=1, pieces=1), splits=["train"], overwrite=True)
    assert len(list(Path(output_dir, "lines").glob("train.tfrecord-*"))) == 1
    assert examples_of(task.get_dataset(use_cached=True, shuffle=False)) == examples_of(task.get_dataset(shuffle=False))


def test_random_preprocessors_draw_the_same_every_time(make_task, write_caches, output_dir, contents):
    @map_over_dataset(num_seeds=1)
    def draw(example, seed):
        return {**example, "number": tf.random.stateless_uniform([], seed)}

    task = make_task(steps=[lambda dataset: dataset.map(lambda line: {"line": line}), draw], output_features={})
    found = []
    for seed in (None, None, 1):
        write_caches(task, overwrite=True, settings=CacheSettings(seed=seed))
        found.append(contents(output_dir))
    assert found[0] == found[1] != found[2]
    numbers = {example["number"] for example in task.get_dataset(use_cached=True, shuffle=False).as_numpy_iterator()}
    assert len(numbers) == 10


def test_what_stays_and_what_is_done_again(make_task, write_caches, output_dir, contents):
    task = make_task(splits=["train", "test"])
    assert write_caches(task, splits=["train"]) == {"train": "written"}
    before = contents(output_dir)
    assert write_caches(task) == {"train": "up to date", "test": "written"}
    after = contents(output_dir)
    assert {name: after[name] for name in before} == before
    assert write_caches(task, overwrite=True) == {"train": "written", "test": "written"}
    assert contents(output_dir) == after


def test_several_tasks(make_task, write_caches, output_dir):
    write_caches(make_task("a"), make_task("a:b"), make_task("c"))
    for name in ("a", "a:b", "c"):
        TaskRegistry.get(name).assert_cached()
        assert len(TaskRegistry.get(name).get_dataset(use_cached=True)) == 10


def test_what_comes_after_the_placeholder_may_mend_the_features(make_task, write_caches):
    def count(dataset):
        return dataset.map(lambda example: {"line": tf.strings.length(example["line"])[None]})

    steps = [lambda dataset: dataset.map(lambda line: {"line": line}), CacheDatasetPlaceholder(), count]
    task = make_task(preprocessors=steps, output_features={"line": Feature(PassThroughVocabulary(9))})
    write_caches(task)
    assert examples_of(task.get_dataset(use_cached=True)) == ["{'line': [19]}"] * 10


def test_a_data_set_of_tfds_in_another_folder(tmp_path, write_caches):
    config = tfds.download.DownloadConfig(try_download_gcs=False)
    TinySums(data_dir=str(tmp_path)).download_and_prepare(download_config=config)
    source = TfdsDataSource(NAME, splits=["test"])
    TaskRegistry.add("tiny", source=source, preprocessors=[CacheDatasetPlaceholder()], output_features={})
    task = TaskRegistry.get("tiny")
    try:
        write_caches(task, settings=CacheSettings(tfds_data_dir=str(tmp_path)))
        cached = task.get_dataset(split="test", use_cached=True).as_numpy_iterator()
        assert sorted(example["answer"] for example in cached) == [1, 2, 3, 4]
    finally:
        set_tfds_data_dir_override(None)
    assert len(task.get_dataset(split="test", use_cached=True)) == 4  # where the data is not there any more
