"""The interface that users implement, and what every logger does with steps and names."""

from __future__ import annotations

import json
import os

import hypothesis
import hypothesis.strategies as st
import numpy as np
import pytest

from evalkit import errors
from evalkit.loggers import JSONLogger, Logger, PyLoggingLogger, TensorBoardLogger
from evalkit.loggers.logger import safe_file_name
from evalkit.metrics.values import Scalar

ACCURACY = {"accuracy": Scalar(0.5)}


def test_a_logger_of_ones_own_is_a_class_with_one_method(tmp_path):
    class Recorder(Logger):
        def __init__(self, output_dir):
            super().__init__(output_dir)
            self.calls = []

        def __call__(self, task_name, step, metrics, dataset, inferences, targets):
            self.calls.append((task_name, step, metrics))

    recorder = Recorder(output_dir=tmp_path)
    recorder(task_name="gsm8k", step=3, metrics=ACCURACY, dataset=None, inferences=None, targets=None)
    recorder.close()  # it need not have one of its own
    assert recorder.calls == [("gsm8k", 3, ACCURACY)]
    assert recorder.output_dir == tmp_path


def test_a_logger_without_the_method_cannot_be_made(tmp_path):
    class Incomplete(Logger):
        pass

    with pytest.raises(TypeError, match="__call__"):
        Incomplete(tmp_path)  # type: ignore[abstract]


@pytest.mark.parametrize("step, written", [(0, 0), (7, 7), (np.int64(7), 7), (-5, -5)])
def test_the_step_is_written_as_it_is(tmp_path, step, written):
    JSONLogger(tmp_path)("task", step, ACCURACY, None, None, None)
    assert json.loads((tmp_path / "task-metrics.jsonl").read_text())["step"] == written


def test_no_step_is_minus_one_and_warned_of(tmp_path, caplog, read_events):
    for logger_cls in (JSONLogger, TensorBoardLogger):
        caplog.clear()
        logger_cls(tmp_path)("task", None, ACCURACY, None, None, None)
        assert [record.getMessage() for record in caplog.records if record.levelname == "WARNING"] == [
            "No step was given to the logger: -1 is written instead."
        ]
    assert json.loads((tmp_path / "task-metrics.jsonl").read_text())["step"] == -1
    assert [event[0] for event in read_events(tmp_path / "task")] == [-1]


@pytest.mark.parametrize("logger_cls", [JSONLogger, PyLoggingLogger, TensorBoardLogger])
def test_a_step_that_is_no_integer_is_refused(tmp_path, logger_cls):
    with pytest.raises(errors.ArgumentError, match=r"A step must be an integer or None, found 1.5 \(float\)"):
        logger_cls(tmp_path)("task", 1.5, ACCURACY, None, None, None)


@pytest.mark.parametrize("logger_cls", [JSONLogger, TensorBoardLogger])
def test_the_output_directory_is_made(tmp_path, logger_cls):
    logger = logger_cls(tmp_path / "deep" / "down")
    assert (tmp_path / "deep" / "down").is_dir()
    logger("task", 1, ACCURACY, None, None, None)


@pytest.mark.parametrize("logger_cls", [JSONLogger, TensorBoardLogger])
def test_a_directory_that_cannot_be_made_is_an_error_at_once(tmp_path, logger_cls):
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(errors.LoggerError, match=rf"{logger_cls.__name__} cannot write '.*file/logs'.* \(errno 20\)"):
        logger_cls(tmp_path / "file" / "logs")
    with pytest.raises(errors.LoggerError, match=rf"{logger_cls.__name__} cannot write '.*file'.*File exists"):
        logger_cls(tmp_path / "file")
    assert (tmp_path / "file").read_text() == "in the way"


@pytest.mark.skipif(os.geteuid() == 0, reason="nothing is unwritable for root")
@pytest.mark.parametrize("logger_cls", [JSONLogger, TensorBoardLogger])
def test_a_directory_that_cannot_be_written_is_an_error_at_once(tmp_path, logger_cls):
    tmp_path.chmod(0o500)
    with pytest.raises(errors.LoggerError, match=r"Permission denied \(errno 13\).*as log_dir"):
        logger_cls(tmp_path)
    tmp_path.chmod(0o700)


@pytest.mark.skipif(not os.path.isdir("/proc/self"), reason="needs a directory that even root cannot write")
@pytest.mark.parametrize("logger_cls", [JSONLogger, TensorBoardLogger])
def test_a_directory_of_the_kernels_is_an_error_at_once(logger_cls):
    with pytest.raises(errors.LoggerError, match=rf"{logger_cls.__name__} cannot write '/proc/self/logs'"):
        logger_cls("/proc/self/logs")


@pytest.mark.parametrize("task", ["a/b", "..", ".", "a\\b", "übung 1", "x\ny", "50%", "task:v1.2#3"])
def test_every_task_name_stays_in_the_directory(tmp_path, task):
    logs = tmp_path / "logs"
    for logger in (JSONLogger(logs), TensorBoardLogger(logs)):
        logger(task, 1, ACCURACY, [{"x": 1}], {"prediction": ["p"]}, ["t"])
        logger.close()
    assert list(tmp_path.iterdir()) == [logs]
    lines = [json.loads(path.read_text()) for path in logs.glob("*-metrics.jsonl")]
    assert lines == [{"step": 1, "accuracy": 0.5}]
    assert len(list(logs.glob("*-000001.jsonl"))) == 1
    assert len(list(logs.rglob("events.out.tfevents.*"))) == 1


def test_the_names_that_a_task_may_have_are_file_names_unchanged():
    assert safe_file_name("my_task:v1.0#2") == "my_task:v1.0#2"


@hypothesis.given(st.text(min_size=1, max_size=8), st.text(min_size=1, max_size=8))
def test_different_names_are_different_files(first, second):
    assert (safe_file_name(first) == safe_file_name(second)) == (first == second)
    assert not {"/", "\\", "\0"} & set(safe_file_name(first))
