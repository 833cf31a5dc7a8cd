"""The Beam transforms that have seqio's names."""

from __future__ import annotations

import json

import numpy as np
import pytest
import tensorflow as tf

from evalkit.data import Feature
from evalkit.errors import SourceError
from evalkit.transforms import map_over_dataset
from evalkit.vocabularies import ByteVocabulary, PassThroughVocabulary
from tests.caching.conftest import NoShards

beam = pytest.importorskip("apache_beam", reason="Apache Beam is not installed: pip install 'evalkit[cache]'")

from apache_beam.testing import util  # noqa: E402
from apache_beam.testing.test_pipeline import TestPipeline as Pipeline  # noqa: E402

from evalkit.caching.preprocess_task import PreprocessTask  # noqa: E402
from evalkit.caching.transforms import GetInfo, GetStats, WriteExampleTfRecord, WriteJson  # noqa: E402

FEATURES = {"inputs": Feature(ByteVocabulary()), "targets": Feature(ByteVocabulary())}


def given(transform, elements, expected):
    """Checks what `transform` makes of `elements`, in any order."""
    with Pipeline() as pipeline:
        util.assert_that(pipeline | beam.Create(elements) | transform, util.equal_to(expected))


def test_preprocess_task(make_task):
    task = make_task(files=2, rows=3)
    preprocess = PreprocessTask(task, "train", preprocessors_seed=7, add_provenance=True)
    assert [index for index, _ in preprocess.shards] == [0, 1]
    rows = [(0, 0, 0), (2, 0, 1), (1, 1, 0)]  # the row, the file in which it is, and its place there
    expected = [
        {
            "inputs_pretokenized": f"question {row}".encode(),
            "inputs": [*(byte + 3 for byte in f"question {row}".encode()), 1],
            "targets_pretokenized": f"answer {row}".encode(),
            "targets": [*(byte + 3 for byte in f"answer {row}".encode()), 1],
            "provenance/task": "lines",
            "provenance/source_shard": preprocess.shards[file][1],
            "provenance/source_shard_index": file,
            "provenance/index_within_shard": place,
            "provenance/preprocessors_seed": 7,
        }
        for row, file, place in rows
    ]

    def plain(example):
        arrays = {name: getattr(value, "numpy", lambda value=value: value)() for name, value in example.items()}
        return {name: value.tolist() if isinstance(value, np.ndarray) else value for name, value in arrays.items()}

    with Pipeline() as pipeline:
        util.assert_that(pipeline | preprocess | beam.Map(plain), util.equal_to(expected))


def test_the_cache_draws_the_random_numbers_of_the_transform(make_task, write_caches):
    @map_over_dataset(num_seeds=1)
    def draw(line, seed):
        return {"line": line, "number": tf.random.stateless_uniform([], seed)}

    task = make_task(steps=[draw], output_features={}, files=2)
    write_caches(task)
    cached = task.get_dataset(use_cached=True, shuffle=False).as_numpy_iterator()
    expected = [(example["line"], float(example["number"])) for example in cached]
    with Pipeline() as pipeline:
        found = pipeline | PreprocessTask(task, "train") | beam.Map(lambda e: (e["line"].numpy(), float(e["number"])))
        util.assert_that(found, util.equal_to(expected))


def test_setup_is_called_before_the_task_is_looked_for(make_task):
    with Pipeline() as pipeline:
        called = beam.metrics.Metrics.counter("test", "called").inc
        _ = pipeline | PreprocessTask(make_task(), "train", setup_fn=called)
        metrics = pipeline.run().metrics().query()
        counts = {counter.key.metric.name: counter.committed for counter in metrics["counters"]}
    assert counts["called"] == 1 and counts["examples"] == 10


def test_a_source_without_shards(make_task):
    with pytest.raises(SourceError, match="No shards found for task 'lines', split 'train'"):
        PreprocessTask(make_task(source=NoShards(["train"])), "train")


@pytest.mark.parametrize("num_shards", [1, 3, None])
def test_write_example_tf_record(tmp_path, num_shards):
    examples = [{"ids": np.arange(n), "text": b"x" * n} for n in range(5)]
    with Pipeline() as pipeline:
        _ = pipeline | beam.Create(examples) | WriteExampleTfRecord(tmp_path / "out.tfrecord", num_shards)
    paths = sorted(map(str, tmp_path.glob("out.tfrecord-*")))
    assert num_shards is None or len(paths) == num_shards
    protos = [tf.train.Example.FromString(record) for record in tf.data.TFRecordDataset(paths).as_numpy_iterator()]
    found = {proto.features.feature["text"].bytes_list.value[0]: proto.features.feature["ids"] for proto in protos}
    assert {text: list(ids.int64_list.value) for text, ids in found.items()} == {
        b"x" * n: list(range(n)) for n in range(5)
    }


def test_write_json(tmp_path):
    with Pipeline() as pipeline:
        _ = pipeline | beam.Create([{"b": 1, "a": "text"}]) | WriteJson(tmp_path / "one.json")
        _ = pipeline | "two" >> beam.Create([1, 2]) | "lines" >> WriteJson(tmp_path / "lines.json", prettify=False)
    assert (tmp_path / "one.json").read_text() == '{\n  "a": "text",\n  "b": 1\n}\n'
    assert sorted(map(json.loads, (tmp_path / "lines.json").read_text().splitlines())) == [1, 2]


def test_get_info():
    example = {
        "numbers": range(10),
        "text": "test",
        "matrix": np.ones((1, 3), np.int32),
        "ragged": tf.RaggedTensor.from_row_splits(tf.constant([[3, 1], [4, 1], [5, 9]]), [0, 1, 3]),
        "provenance/task": "t",
    }
    features = {
        "numbers": {"shape": [None], "dtype": "int32"},
        "text": {"shape": [], "dtype": "string"},
        "matrix": {"shape": [None, 3], "dtype": "int32"},
        "ragged": {"shape": [None, None, 2], "dtype": "int32"},
    }
    given(GetInfo(num_shards=3), [example], [{"num_shards": 3, "features": features, "seqio_version": "0.0.20"}])
    with_provenance = {**features, "provenance/task": {"shape": [], "dtype": "string"}}
    info = {"num_shards": 1, "features": with_provenance, "seqio_version": "0.0.20"}
    given(GetInfo(num_shards=1, exclude_provenance=False), [example], [info])
    given(GetInfo(num_shards=1), [], [{}])


def test_get_stats():
    examples = [
        {"inputs": np.array([100, 101], np.int64), "targets": tf.constant([100, 1, 0])},
        {"inputs": np.array([100], np.int64), "other": 3},
    ]
    counts = {"examples": 2, "inputs_tokens": 3, "inputs_max_tokens": 2, "targets_tokens": 1, "targets_max_tokens": 1}
    given(GetStats(FEATURES), examples, [counts])
    chars = {"inputs_chars": 3, "inputs_max_chars": 2, "targets_chars": 1, "targets_max_chars": 1}
    given(GetStats(FEATURES, enable_char_counts=True), examples, [{**counts, **chars}])
    given(GetStats(FEATURES, task_ids={"a": np.int64(1)}), examples, [{**counts, "task_ids": {"a": 1}}])
    given(GetStats(FEATURES, task_ids={"a": 1}), [], [{"examples": 0}])


def test_get_stats_of_texts():
    features = {"text": Feature(PassThroughVocabulary(1), dtype=tf.string, rank=0)}
    examples = [{"text": b"four"}, {"text": "fünf "}, {"text": tf.constant("six")}]
    given(GetStats(features), examples, [{"examples": 3}])
    expected = {"examples": 3, "text_chars": 12, "text_max_chars": 5}
    given(GetStats(features, enable_char_counts=True), examples, [expected])


def test_get_stats_of_ragged_and_scalar_ids():
    features = {"r": Feature(PassThroughVocabulary(9), rank=2), "s": Feature(PassThroughVocabulary(9), rank=0)}
    example = {"r": tf.ragged.constant([[1, 0], [2]]), "s": tf.constant(5)}
    given(
        GetStats(features),
        [example],
        [{"examples": 1, "r_tokens": 2, "r_max_tokens": 2, "s_tokens": 1, "s_max_tokens": 1}],
    )
