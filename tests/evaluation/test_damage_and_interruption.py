"""Damaged sources stop an Evaluator when it is constructed; an interrupted run leaves complete files."""

import json
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import tensorflow as tf

import evalkit
from evalkit import errors, preprocessors

RUN = """
import sys
import evalkit
from tests.evaluation.small_task import answer_targets, exact, rows_source
from evalkit import preprocessors

features = {name: evalkit.Feature(evalkit.ByteVocabulary()) for name in ("inputs", "targets")}
words = [f"word {i}" for i in range(400)]
task = evalkit.Task("words", source=rows_source(words, words), output_features=features, metric_fns=[exact],
                    preprocessors=[preprocessors.tokenize, preprocessors.append_eos])
with evalkit.Evaluator(task, evalkit.EncDecFeatureConverter(pack=False), log_dir=sys.argv[1],
                       logger_cls=[evalkit.JSONLogger, evalkit.TensorBoardLogger]) as evaluator:
    for step in range(100_000):
        evaluator.evaluate(step=step, predict_fn=lambda _: enumerate(words))
        print(step, flush=True)
"""


def test_ctrl_c_leaves_complete_files(tmp_path):
    root = Path(__file__).parents[2]
    command = [sys.executable, "-c", RUN, str(tmp_path)]
    with subprocess.Popen(command, cwd=root, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        while process.stdout.readline().strip() != "3":
            assert process.poll() is None, process.stderr.read()
        process.send_signal(signal.SIGINT)
        started = time.monotonic()
        _, stderr = process.communicate(timeout=60)
    assert "KeyboardInterrupt" in stderr and process.returncode != 0
    assert time.monotonic() - started < 30
    steps = [json.loads(line)["step"] for line in (tmp_path / "words-metrics.jsonl").read_text().splitlines()]
    assert steps == list(range(len(steps))) and len(steps) >= 3
    for step in steps:
        rows = [json.loads(line) for line in (tmp_path / f"words-{step:06}.jsonl").read_text().splitlines()]
        assert len(rows) == 400
    assert not list(tmp_path.glob("*.tmp"))


def bytes_task(make_task, source):
    return make_task(source=source, preprocessors=[preprocessors.tokenize, preprocessors.append_eos])


def test_a_cut_tfrecord(make_task, make_evaluator, tmp_path):
    def feature(text):
        return tf.train.Feature(bytes_list=tf.train.BytesList(value=[text.encode()]))

    path = tmp_path / "data.tfrecord"
    with tf.io.TFRecordWriter(str(path)) as writer:
        for number in range(50):
            row = {"inputs": feature(f"question {number}"), "targets": feature(f"answer {number}")}
            writer.write(tf.train.Example(features=tf.train.Features(feature=row)).SerializeToString())
    path.write_bytes(path.read_bytes()[:-20])
    text = tf.io.FixedLenFeature([], tf.string)
    source = evalkit.TFExampleDataSource({"validation": str(path)}, {"inputs": text, "targets": text})
    with pytest.raises(errors.SourceError, match=r"data\.tfrecord"):
        make_evaluator(bytes_task(make_task, source))


def test_a_line_that_is_not_json(make_task, make_evaluator, tmp_path):
    path = tmp_path / "rows.jsonl"
    path.write_text('{"inputs": "one", "targets": "uno"}\n{"inputs": "two", "targets"\n')
    with pytest.raises(errors.SourceError, match=r"rows\.jsonl.* 2"):
        make_evaluator(bytes_task(make_task, evalkit.JsonLinesDataSource({"validation": str(path)})))


def test_text_that_is_not_utf8(make_task, make_evaluator, tmp_path):
    path = tmp_path / "lines.txt"
    path.write_bytes(b"one\ntw\xff\n")

    def split(dataset):
        return dataset.map(lambda line: {"inputs": line, "targets": line})

    task = make_task(
        source=evalkit.TextLineDataSource({"validation": str(path)}), preprocessors=[split, preprocessors.tokenize]
    )
    with pytest.raises(errors.SourceError, match=r"lines\.txt.*UTF-8"):
        make_evaluator(task)


def test_a_pattern_without_files(make_task, make_evaluator, tmp_path):
    source = evalkit.TextLineDataSource({"validation": str(tmp_path / "*.txt")})
    with pytest.raises(errors.SourceError, match=r"\*\.txt"):
        make_evaluator(bytes_task(make_task, source))
