"""Event files, read back with TensorBoard's own readers."""

from __future__ import annotations

import logging
import math

import numpy as np
import pytest
import tensorflow as tf
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from evalkit import errors
from evalkit.loggers import TensorBoardLogger
from evalkit.metrics import values


def frobber():
    """Metadata of a plugin of the user's, as TensorFlow makes it."""
    metadata = tf.compat.v1.SummaryMetadata()
    metadata.plugin_data.plugin_name = "frobber"
    metadata.plugin_data.content = b"content"
    return metadata


def log(directory, metrics, step=1, task="task"):
    logger = TensorBoardLogger(directory)
    logger(task_name=task, step=step, metrics=metrics, dataset=None, inferences=None, targets=None)
    logger.close()


@pytest.mark.parametrize(
    "value, plugin",
    [
        (values.Scalar(0.5), "scalars"),
        (values.Text("fine"), "text"),
        (values.Image(np.zeros((1, 2, 3, 3))), "images"),
        (values.Audio(np.zeros((1, 2, 1))), "audio"),
        (values.Histogram(np.arange(3)), "histograms"),
        (values.Generic(np.arange(3), frobber()), "frobber"),
    ],
)
def test_every_kind_has_its_plugin_and_tag(tmp_path, read_events, value, plugin):
    log(tmp_path, {"m": value}, step=12)
    assert [event[:3] for event in read_events(tmp_path / "task")] == [(12, "eval/m", plugin)]


def test_tensorboard_itself_reads_a_time_series(tmp_path):
    logger = TensorBoardLogger(tmp_path)
    for step in (0, 10, 20):
        logger("task", step, {"accuracy": values.Scalar(step / 20), "loss": values.Scalar(1)}, None, None, None)
    events = EventAccumulator(str(tmp_path / "task")).Reload()  # nothing is closed: a call leaves nothing behind
    assert events.Tags()["tensors"] == ["eval/accuracy", "eval/loss"]
    points = events.Tensors("eval/accuracy")
    assert [(point.step, tf.make_ndarray(point.tensor_proto).item()) for point in points] == [
        (0, 0.0),
        (10, 0.5),
        (20, 1.0),
    ]


def test_tensorflow_reads_the_records(tmp_path):
    """Their checksums are right: TensorFlow's reader refuses a record otherwise."""
    metrics = {"short": values.Scalar(1), "long": values.Text("x" * 10_000)}
    log(tmp_path, metrics)
    (path,) = (tmp_path / "task").iterdir()
    records = [record.numpy() for record in tf.data.TFRecordDataset(str(path))]
    first, *rest = (tf.compat.v1.Event.FromString(record) for record in records)
    assert first.file_version == "brain.Event:2"
    assert [event.summary.value[0].tag for event in rest] == ["eval/short", "eval/long"]


@pytest.mark.parametrize(
    "value, written",
    [
        (50, 50.0),
        (np.float32(0.1), np.float32(0.1)),
        (1 / 3, np.float32(1 / 3)),
        (np.array([2]), 2.0),
        (tf.constant(2.5), 2.5),
        (True, 1.0),
        (math.inf, math.inf),
        (-math.inf, -math.inf),
        (1e300, math.inf),
        (math.nan, math.nan),
    ],
)
def test_scalars_are_float32_and_may_be_infinite_or_nan(tmp_path, read_events, value, written):
    log(tmp_path, {"m": values.Scalar(value)})
    ((_, _, _, array),) = read_events(tmp_path / "task")
    assert array.dtype == np.float32
    np.testing.assert_array_equal(array, written)


@pytest.mark.parametrize("text", ["Grüße", "Grüße".encode()])
def test_text(tmp_path, read_events, text):
    log(tmp_path, {"m": values.Text(text)})
    assert read_events(tmp_path / "task")[0][3].item() == "Grüße".encode()


def test_tasks_are_runs(tmp_path, read_events):
    logger = TensorBoardLogger(tmp_path)
    for task in ("first", "second"):
        logger(task, 1, {"m": values.Scalar(1)}, None, None, None)
    logger.close()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["first", "second"]
    assert len(read_events(tmp_path / "first")) == 1


def test_one_file_until_it_is_closed_and_another_after(tmp_path, read_events):
    logger = TensorBoardLogger(tmp_path)
    for step in (1, 2):
        logger("task", step, {"m": values.Scalar(step)}, None, None, None)
    assert len(list((tmp_path / "task").iterdir())) == 1
    logger.close()
    logger.close()
    logger("task", 3, {"m": values.Scalar(3)}, None, None, None)
    assert len(list((tmp_path / "task").iterdir())) == 2
    assert [event[0] for event in read_events(tmp_path / "task")] == [1, 2, 3]


@pytest.mark.parametrize(
    "value, message",
    [
        ("half", r"'bad' \(str\): values of type str are not understood; return a number or one of Scalar"),
        (0.5, r"'bad' \(float\): values of type float are not understood"),
        (values.Scalar("high"), r"'bad' \(Scalar\):"),
        (values.Scalar(np.zeros(2)), r"'bad' \(Scalar\):"),
        (values.Text(3), r"`textdata` should be of the type `str` or `bytes`, found int"),  # type: ignore[arg-type]
        (
            values.Image(np.zeros((2, 3, 3))),
            r"\[pictures, height, width, channels\] was expected, found \(2, 3, 3\)",
        ),
        (values.Image(np.zeros((1, 2, 3, 5))), r"a picture has 1 to 4 channels, found 5"),
        (values.Image(np.full((1, 2, 3, 3), "x")), r"a picture has uint8 values or floats in \[0, 1\], found <U1"),
        (values.Audio(np.zeros((2, 3))), r"shape \[clips, frames, channels\] was expected, found \(2, 3\)"),
        (values.Generic(np.zeros(2), "metadata"), r"must be a SummaryMetadata, found str"),
        (values.Generic(np.array("2020", "M8[D]"), frobber()), r"an array of dtype datetime64\[D\] cannot be written"),
    ],
)
def test_what_cannot_be_shown_is_named_and_the_others_are_written(tmp_path, read_events, value, message):
    metrics = {"before": values.Scalar(1), "bad": value, "after": values.Scalar(2)}
    with pytest.raises(errors.LoggerError, match=message) as raised:
        log(tmp_path, metrics)
    assert "cannot show 1 of the metrics of task 'task'" in str(raised.value)
    assert [event[1] for event in read_events(tmp_path / "task")] == ["eval/before", "eval/after"]


def test_a_call_without_metrics_writes_nothing(tmp_path):
    log(tmp_path, {})
    assert list(tmp_path.iterdir()) == []


def test_a_full_disk_leaves_what_was_written(small_disk, read_events):
    directory, reason = small_disk
    logger = TensorBoardLogger(directory)
    logger("task", 1, {"m": values.Scalar(1)}, None, None, None)
    too_much = {"m": values.Text("x" * 100_000)}
    for task in ("task", "another"):
        with pytest.raises(
            errors.LoggerError, match=rf"TensorBoardLogger cannot write '.*{task}': {reason} \(errno \d+\)"
        ):
            logger(task, 2, too_much, None, None, None)
    assert not list((directory / "another").iterdir())
    logger("task", 3, {"m": values.Scalar(3)}, None, None, None)  # there is room for this
    assert [event[0] for event in read_events(directory / "task")] == [1, 3]
    logger.close()


def test_the_log_says_where(tmp_path, caplog):
    with caplog.at_level(logging.INFO, logger="absl"):
        log(tmp_path, {"m": values.Scalar(1)})
    assert f"Wrote 1 metrics of step 1 to {tmp_path}/task." in caplog.text
