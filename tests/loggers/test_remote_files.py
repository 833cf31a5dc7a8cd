"""A log directory behind a URL; `ram://` is a file system of TensorFlow's that every machine has."""

from __future__ import annotations

import json
import uuid

import pytest
import tensorflow as tf

from evalkit import errors
from evalkit.loggers import JSONLogger, TensorBoardLogger
from evalkit.metrics.values import Scalar


@pytest.fixture
def url():
    return f"ram://{uuid.uuid4().hex}/logs"


def read_lines(path):
    return [json.loads(line) for line in tf.io.gfile.GFile(path).read().splitlines()]


def test_jsonl(url):
    logger = JSONLogger(url)
    for step in (1, 2):
        logger("task", step, {"m": Scalar(step / 2)}, [{"x": 1}], {"prediction": ["p"]}, ["t"])
    assert read_lines(f"{url}/task-metrics.jsonl") == [{"step": 1, "m": 0.5}, {"step": 2, "m": 1.0}]
    assert read_lines(f"{url}/task-000002.jsonl") == [{"input": {"x": 1}, "target": "t", "prediction": "p"}]
    assert not [path for path in tf.io.gfile.glob(f"{url}/*") if path.endswith(".tmp")]


def test_tensorboard_has_a_file_for_each_call(url, tmp_path, read_events):
    logger = TensorBoardLogger(url + "/")
    for step in (1, 2):
        logger("task", step, {"m": Scalar(step / 2)}, None, None, None)
    logger.close()
    paths = sorted(tf.io.gfile.glob(f"{url}/task/events.out.tfevents.*"))
    assert len(paths) == 2
    for number, path in enumerate(paths):
        (tmp_path / str(number)).write_bytes(tf.io.gfile.GFile(path, "rb").read())
    assert [(step, tag, float(value)) for step, tag, _, value in read_events(tmp_path)] == [
        (1, "eval/m", 0.5),
        (2, "eval/m", 1.0),
    ]


def test_an_unknown_scheme_is_an_error_that_names_it():
    with pytest.raises(errors.LoggerError, match=r"JSONLogger cannot write 'nowhere://logs'.*not implemented"):
        JSONLogger("nowhere://logs")


def test_a_row_that_fails_leaves_the_file_as_it_was(url):
    logger = JSONLogger(url)
    logger("task", 1, {}, [{"x": 1}], {"prediction": ["p"]}, ["t"])

    def examples():
        yield {"x": 1}
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        logger("task", 1, {}, examples(), {"prediction": ["q"]}, ["t"])
    assert [row["prediction"] for row in read_lines(f"{url}/task-000001.jsonl")] == ["p"]
    assert tf.io.gfile.glob(f"{url}/*.tmp") == []
