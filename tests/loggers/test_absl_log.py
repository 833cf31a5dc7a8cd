"""Metrics in the log of the process."""

from __future__ import annotations

import logging

import numpy as np
import pytest

from evalkit.loggers import PyLoggingLogger
from evalkit.metrics.values import Image, Scalar, Text


@pytest.fixture
def log(tmp_path, caplog):
    def lines(metrics, step=3):
        with caplog.at_level(logging.INFO, logger="absl"):
            PyLoggingLogger(tmp_path)("task", step, metrics, None, None, None)
        return [record.getMessage() for record in caplog.records]

    return lines


def test_one_line_a_metric(log):
    lines = log({"accuracy": Scalar(0.25), "loss": Scalar(np.float32(1.5)), "note": Text("fine")})
    assert lines == ["task/accuracy at step 3: 0.25", "task/loss at step 3: 1.5", "task/note at step 3: fine"]


def test_step_zero_is_zero(log):
    assert log({"accuracy": Scalar(1)}, step=0) == ["task/accuracy at step 0: 1"]


@pytest.mark.parametrize(
    "value, text",
    [
        (Scalar(0.000123), "0.000123"),  # three decimals would show 0
        (Scalar(float("nan")), "nan"),
        (Scalar(np.array([2.0])), "2"),
        (Scalar(np.array([1, 2])), "array([1, 2])"),
        (Scalar("high"), "'high'"),
        (Text(b"bytes \xff"), "bytes �"),
        (Text("two\r\nlines"), r"two\r\nlines"),
        (Text("x" * 201), "x" * 200 + "… (201 characters)"),
        (Text("x" * 200), "x" * 200),
        (Image(np.zeros((1, 2, 2, 3))), "a value of type Image, which a line of text cannot show"),
    ],
)
def test_values_in_words(log, value, text):
    assert log({"m": value}) == [f"task/m at step 3: {text}"]


def test_the_level_is_the_users(tmp_path, caplog):
    PyLoggingLogger(tmp_path, level=-1)("task", 1, {"m": Scalar(1)}, None, None, None)  # absl's number of WARNING
    assert [record.levelname for record in caplog.records] == ["WARNING"]


def test_nothing_is_written(tmp_path, log):
    log({"m": Scalar(1)})
    assert list(tmp_path.iterdir()) == []
