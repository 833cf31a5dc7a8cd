"""What `cache_tasks` refuses, and what it says then."""

from __future__ import annotations

from pathlib import Path

import pytest
import tensorflow as tf

from evalkit.caching import CacheSettings, cache_tasks
from evalkit.caching.finishing import finish_split
from evalkit.caching.plan import plan_split
from evalkit.data import Feature
from evalkit.errors import (
    ArgumentError,
    CacheError,
    FeatureError,
    FingerprintError,
    PreprocessorError,
    SourceError,
    UnknownNameError,
)
from evalkit.vocabularies import ByteVocabulary, PassThroughVocabulary
from tests.caching.conftest import NoShards


def drop_all(dataset):
    return dataset.filter(lambda line: False).map(lambda line: {"line": line})


@pytest.mark.parametrize("settings", [{"min_files": 0}, {"pieces": 0}])
def test_bad_settings(settings):
    with pytest.raises(ArgumentError, match="must be at least 1, found 0"):
        CacheSettings(**settings)


def test_splits_that_no_task_has(make_task, write_caches):
    with pytest.raises(ArgumentError, match=r"No task has the split 'dev': 'lines' \(train, test\)"):
        write_caches(make_task(splits=["train", "test"]), splits=["train", "dev"])
    with pytest.raises(ArgumentError, match="No task to cache"):
        write_caches()


def test_a_task_that_workers_would_not_find(make_task, write_caches):
    task = make_task()
    with pytest.raises(ArgumentError, match="'lines' is another than the registered one"):
        write_caches(task.replace(output_features={}))
    with pytest.raises(UnknownNameError, match="No task named 'unknown'"):
        write_caches(task.replace(name="unknown"))


def test_a_task_without_a_placeholder(make_task, write_caches):
    with pytest.raises(ArgumentError, match="'lines' does not support caching. Put a CacheDatasetPlaceholder"):
        write_caches(make_task(preprocessors=[]))


def test_a_source_with_no_rows(make_task, make_task_of, write_caches, output_dir):
    with pytest.raises(SourceError, match="Task 'lines', split 'train' has no examples"):
        write_caches(make_task(steps=[drop_all], output_features={}))
    assert not Path(output_dir, "lines", "COMPLETED").exists()
    with pytest.raises(SourceError, match="no rows in split 'train'"):
        write_caches(make_task_of({}))


def test_a_source_without_shards(write_caches, make_task):
    with pytest.raises(SourceError, match="'lines', split 'train': its source .* lists no shards"):
        write_caches(make_task(source=NoShards(["train"])))


def test_a_part_that_cannot_be_fingerprinted(make_task, write_caches):
    open_file = open(__file__)
    task = make_task(
        steps=[lambda dataset: dataset.map(lambda line: {"line": line} if open_file else {})], output_features={}
    )
    with pytest.raises(FingerprintError, match="'lines', preprocessor '<lambda>'.*permit_unknown"):
        write_caches(task)
    for _ in range(2):
        assert write_caches(task, settings=CacheSettings(permit_unknown=True), overwrite=True)["train"] == "written"
    assert len(task.get_dataset(use_cached=True)) == 10
    open_file.close()


WRONG_FEATURES = {
    "missing expected output feature after preprocessing: targets\nThe task .* its examples have 'line'": {
        "targets": Feature(PassThroughVocabulary(9))
    },
    "incorrect type for feature 'line'": {"line": Feature(PassThroughVocabulary(9), rank=0)},
    "incorrect rank for feature 'line'": {"line": Feature(PassThroughVocabulary(9), dtype=tf.string)},
}


@pytest.mark.parametrize("message", WRONG_FEATURES)
def test_examples_that_do_not_become_what_the_task_promises(make_task, write_caches, message):
    task = make_task(
        steps=[lambda dataset: dataset.map(lambda line: {"line": line})], output_features=WRONG_FEATURES[message]
    )
    with pytest.raises(FeatureError, match=f"Task 'lines', split 'train': .*{message}"):
        write_caches(task)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda line: line, "must be dictionaries of features, found TensorSpec"),
        (lambda line: {"a": {"b": line}}, "Feature 'a' is nested"),
        (lambda line: {"a": tf.constant(1.0, tf.float64)}, "Feature 'a' is of type float64, which cannot be stored"),
        (lambda line: {"a": tf.sparse.from_dense([1, 0])}, "Feature 'a' is sparse"),
        (lambda line: {"a": tf.numpy_function(lambda: 1, [], tf.int64)}, "Feature 'a' is of unknown rank"),
        (
            lambda line: {"a": tf.RaggedTensor.from_row_lengths(tf.zeros([2, tf.strings.length(line)]), [1, 1])},
            "Feature 'a' is ragged, with dense rows of unknown size",
        ),
    ],
)
def test_features_that_cannot_be_stored(make_task, write_caches, make, message):
    with pytest.raises(FeatureError, match=f"Task 'lines', split 'train': .*{message}"):
        write_caches(make_task(steps=[lambda dataset: dataset.map(make)], output_features={}))


def test_a_number_that_no_proto_holds(make_task, write_caches):
    def large(dataset):
        return dataset.map(lambda line: {"a": tf.constant(2**63, tf.uint64)})

    with pytest.raises(FeatureError, match="'lines', split 'train', piece 0 of 1: Feature 'a': .*int64 and no more"):
        write_caches(make_task(steps=[large], output_features={}))


def test_an_example_that_cannot_be_preprocessed(make_task, write_caches):
    def fail(dataset):
        return dataset.map(lambda line: {"a": tf.strings.to_number(line)})

    with pytest.raises(PreprocessorError, match="'lines', split 'train', piece 0 of 1: .*StringToNumberOp could not"):
        write_caches(make_task(steps=[fail], output_features={}))


def test_a_vocabulary_that_cannot_decode(make_task, write_caches):
    class Broken(ByteVocabulary):
        def decode(self, ids):
            raise RuntimeError("no such id")

    task = make_task(output_features={name: Feature(Broken()) for name in ("inputs", "targets")})
    with pytest.raises(PreprocessorError, match="'lines', split 'train', piece 0 of 1: .*RuntimeError: no such id"):
        write_caches(task)


def test_another_seed_than_before(make_task, write_caches):
    write_caches(make_task())
    with pytest.raises(
        CacheError, match="'lines', split 'train': the cache .* with seed None, now it is 3. .*overwrite"
    ):
        write_caches(make_task(), settings=CacheSettings(seed=3))


def test_a_source_that_cannot_be_read(make_task, write_caches, tmp_path):
    task = make_task(files=3)
    (tmp_path / "lines-1.txt").write_bytes(b"a|b\n\xff|c\n")
    with pytest.raises(
        SourceError, match="'lines', split 'train', piece 1 of 3: .*lines-1.txt.* line 2 of .* is not UTF-8"
    ):
        write_caches(task)


def test_one_split_that_fails_does_not_keep_the_others(make_task, output_dir):
    good, bad = (
        make_task("good"),
        make_task("bad", steps=[drop_all], output_features={}),
    )
    outcomes = cache_tasks([bad, good], output_dir)
    assert [(outcome.plan.task_name, outcome.state) for outcome in outcomes] == [
        ("bad", "failed"),
        ("good", "written"),
    ]
    good.assert_cached()
    assert bad.cache_dir is None


def test_options_that_beam_does_not_take(make_task, write_caches, output_dir):
    task = make_task()
    write_caches(task)
    for option, message in (
        ("--runner=Nobody", "Unexpected pipeline runner"),
        ("--direct_num_workers=x", "invalid int"),
    ):
        with pytest.raises(ArgumentError, match=f"Beam does not take the pipeline options .*{option}.*{message}"):
            write_caches(task, overwrite=True, pipeline_options=[option])
    task.assert_cached()  # nothing was removed


def test_workers_that_cannot_find_the_tasks(make_task, write_caches):
    with pytest.raises(
        CacheError, match="The Beam pipeline failed: .*No module named 'no_such_tasks'.* again to go on"
    ):
        write_caches(make_task(), settings=CacheSettings(modules=("no_such_tasks",)))


def test_ctrl_c_stays_ctrl_c(make_task, write_caches, tmp_path, monkeypatch):
    (tmp_path / "interrupting_tasks.py").write_text("raise KeyboardInterrupt")
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(KeyboardInterrupt):
        write_caches(make_task(), settings=CacheSettings(modules=("interrupting_tasks",)))


def test_a_piece_that_nobody_wrote(make_task, output_dir):
    plan = plan_split(make_task(), "train", output_dir, CacheSettings())
    with pytest.raises(
        CacheError, match="Task 'lines', split 'train', piece 0 of 1 was not written, and no worker said"
    ):
        finish_split(plan)
