"""The two JSONL files: what is in them, and what becomes of them when something fails."""

from __future__ import annotations

import dataclasses
import json
import logging
import types

import numpy as np
import pytest
import tensorflow as tf

from evalkit import errors
from evalkit.columns import Column, Columns, attach_columns
from evalkit.loggers import JSONLogger, TensorAndNumpyEncoder
from evalkit.metrics.values import Audio, Generic, Scalar, Text

TEXTS = ["i0", "i1", "i2"]
TARGETS = ["t0", "t1", "t2"]
PREDICTIONS = {"prediction": ["p0", "p1", "p2"]}


@pytest.fixture
def dataset():
    """Three examples with columns, as an Evaluator passes them."""
    return attach_columns(types.SimpleNamespace(), Columns({"inputs_pretokenized": Column.from_texts(TEXTS)}))


def read_lines(path):
    return [json.loads(line, parse_constant=pytest.fail) for line in path.read_bytes().splitlines()]


def warnings(caplog):
    return [record.getMessage() for record in caplog.records if record.levelno == logging.WARNING]


def test_metrics_have_a_line_a_step(tmp_path):
    logger = JSONLogger(tmp_path)
    logger("task", 42, {"accuracy": Scalar(100), "loss": Scalar(np.float32(0.5))}, None, None, None)
    logger("task", 48, {"accuracy": Scalar(50)}, None, None, None)
    assert read_lines(tmp_path / "task-metrics.jsonl") == [
        {"step": 42, "accuracy": 100, "loss": 0.5},
        {"step": 48, "accuracy": 50},
    ]


def test_every_metric_that_a_line_can_show(tmp_path, caplog):
    metrics = {
        "number": Scalar(np.int64(7)),
        "nan": Scalar(float("nan")),
        "text": Text("fine"),
        "bytes": Text(b"fine"),
        "tensor": Generic(tf.ones([2, 2]), metadata="anything"),
        "large": Generic(np.arange(40), metadata="anything"),
        "sound": Audio(np.zeros((1, 2, 1))),
        "object": Scalar(object()),
        "step": Scalar(3),
    }
    JSONLogger(tmp_path)("task", 1, metrics, None, None, None)
    assert read_lines(tmp_path / "task-metrics.jsonl") == [
        {
            "step": 1,
            "number": 7,
            "nan": None,
            "text": "fine",
            "bytes": "fine",
            "tensor": [[1.0, 1.0], [1.0, 1.0]],
            "large": list(range(40)),
        }
    ]
    assert [message.split(" is left out of ")[0] for message in warnings(caplog)] == [
        "Metric `sound` of type Audio",
        "Metric `object` of type Scalar",
        "Metric `step` of type Scalar",
    ]


def test_a_line_is_added_without_reading_the_file(tmp_path):
    """A step costs the same whatever came before: the file is not even the size of something that could be read."""
    path = tmp_path / "task-metrics.jsonl"
    with path.open("wb") as file:
        file.truncate(2**40)  # a terabyte of nothing, which takes no room
        file.seek(0, 2)
        file.write(b"\n")
    JSONLogger(tmp_path)("task", 1, {"m": Scalar(1)}, None, None, None)
    with path.open("rb") as file:
        file.seek(2**40 + 1)
        assert json.loads(file.read()) == {"step": 1, "m": 1}


def test_rows(tmp_path, dataset):
    inferences = {
        "output": ["o0", "o1", "o2"],
        "score": np.array([0.25, 0.5, np.nan], np.float32),
        "aux_value": {"lengths": [1, 2, 3], "logits": np.zeros((3, 2))},
        **PREDICTIONS,
    }
    JSONLogger(tmp_path)("task", 42, {}, dataset, inferences, TARGETS)
    rows = read_lines(tmp_path / "task-000042.jsonl")
    assert rows[0] == {
        "input": {"inputs_pretokenized": "i0"},
        "target": "t0",
        "output": "o0",
        "score": 0.25,
        "prediction": "p0",
        "aux_lengths": 1,
        "aux_logits": [0.0, 0.0],
    }
    assert list(rows[0]) == ["input", "target", "output", "score", "prediction", "aux_lengths", "aux_logits"]
    assert [row["score"] for row in rows] == [0.25, 0.5, None]
    assert not (tmp_path / "task-metrics.jsonl").exists()  # there were no metrics


@pytest.mark.parametrize("number, rows", [(None, 3), (0, None), (1, 1), (2, 2), (5, 3)])
def test_write_n_results(tmp_path, dataset, number, rows):
    JSONLogger(tmp_path, write_n_results=number)("task", 1, {}, dataset, PREDICTIONS, TARGETS)
    path = tmp_path / "task-000001.jsonl"
    assert (len(read_lines(path)) if path.exists() else None) == rows


def test_write_n_results_cannot_be_negative(tmp_path):
    with pytest.raises(errors.ArgumentError, match="write_n_results must be None or at least 0, found -1"):
        JSONLogger(tmp_path, write_n_results=-1)


@pytest.mark.parametrize("missing", ["dataset", "inferences", "targets"])
def test_without_one_of_them_only_the_metrics_are_written(tmp_path, dataset, caplog, missing):
    arguments = {"dataset": dataset, "inferences": PREDICTIONS, "targets": TARGETS, missing: None}
    with caplog.at_level(logging.INFO, logger="absl"):
        JSONLogger(tmp_path)("task", 1, {"m": Scalar(1)}, **arguments)
    assert [path.name for path in tmp_path.iterdir()] == ["task-metrics.jsonl"]
    assert f"No inferences of task task are written: no {missing}." in caplog.text


def test_the_log_says_what_was_written(tmp_path, dataset, caplog):
    with caplog.at_level(logging.INFO, logger="absl"):
        JSONLogger(tmp_path)("task", 1, {"m": Scalar(1)}, dataset, PREDICTIONS, TARGETS)
    assert f"Appended the metrics of step 1 to {tmp_path}/task-metrics.jsonl." in caplog.text
    assert f"Wrote 3 rows to {tmp_path}/task-000001.jsonl in 0.0" in caplog.text
    assert "rows/s" in caplog.text


def test_a_step_evaluated_again_replaces_its_file(tmp_path, dataset):
    logger = JSONLogger(tmp_path)
    logger("task", 1, {}, dataset, PREDICTIONS, TARGETS)
    logger("task", 1, {}, dataset, {"prediction": ["q0", "q1", "q2"]}, TARGETS)
    assert [row["prediction"] for row in read_lines(tmp_path / "task-000001.jsonl")] == ["q0", "q1", "q2"]


def test_a_value_without_json_form_costs_its_row_one_field(tmp_path, dataset, caplog):
    inferences = {"prediction": ["p0", object(), object()], "aux_value": {"state": [{"a": {1}}, 1, 2]}}
    JSONLogger(tmp_path)("task", 1, {}, dataset, inferences, TARGETS)
    assert read_lines(tmp_path / "task-000001.jsonl") == [
        {"input": {"inputs_pretokenized": "i0"}, "target": "t0", "prediction": "p0"},
        {"input": {"inputs_pretokenized": "i1"}, "target": "t1", "aux_state": 1},
        {"input": {"inputs_pretokenized": "i2"}, "target": "t2", "aux_state": 2},
    ]
    prediction, state = sorted(warnings(caplog), reverse=True)  # one warning a field, not one a row
    assert prediction.startswith("`prediction` is not JSON serializable and is left out of 2 of the rows of ")
    assert "Object of type object is not JSON serializable" in prediction
    assert state.startswith("`aux_state` is not JSON serializable and is left out of 1 of the rows of ")


def test_an_input_without_json_form_is_left_out_alone(tmp_path, caplog):
    examples = [{"x": 1, "handle": object()}, {"x": 2, "handle": "fine"}]
    JSONLogger(tmp_path)("task", 1, {}, examples, {"prediction": ["p0", "p1"]}, ["t0", "t1"])
    assert [row["input"] for row in read_lines(tmp_path / "task-000001.jsonl")] == [
        {"x": 1},
        {"x": 2, "handle": "fine"},
    ]
    assert "`input/handle`" in caplog.text


@pytest.mark.parametrize("predictions", [["p0"], ["p0", "p1", "p2", "p3"]])
def test_results_that_are_not_aligned_are_warned_of(tmp_path, dataset, caplog, predictions):
    JSONLogger(tmp_path)("task", 1, {}, dataset, {"prediction": predictions}, TARGETS)
    rows = read_lines(tmp_path / "task-000001.jsonl")
    assert [row["prediction"] for row in rows] == [*predictions, None, None][:3]
    assert warnings(caplog) == [
        f"{tmp_path}/task-000001.jsonl has 3 rows, one an example, but there are {len(predictions)} of `prediction`."
    ]


def test_an_encoder_of_ones_own(tmp_path, dataset):
    class Version:
        number = 3

    class Encoder(TensorAndNumpyEncoder):
        def default(self, o):
            if isinstance(o, Version):
                return f"v{o.number}"
            return f"{len(o)} ids" if isinstance(o, np.ndarray) else super().default(o)

    columns = Columns({"ids": Column.from_arrays([np.arange(40), np.arange(2), np.arange(1)])})
    for source in (attach_columns(types.SimpleNamespace(), columns), list(columns.examples)):
        inferences = {"prediction": [Version(), b"b", np.float32("inf")], "score": [object(), 1, 2]}
        JSONLogger(tmp_path, json_encoder_cls=Encoder)("task", 1, {"v": Scalar(Version())}, source, inferences, TARGETS)
        assert read_lines(tmp_path / "task-000001.jsonl") == [
            {"input": {"ids": "40 ids"}, "target": "t0", "prediction": "v3"},
            {"input": {"ids": "2 ids"}, "target": "t1", "prediction": "b", "score": 1},
            {"input": {"ids": "1 ids"}, "target": "t2", "prediction": None, "score": 2},
        ]
    assert read_lines(tmp_path / "task-metrics.jsonl")[0] == {"step": 1, "v": "v3"}


def test_structured_targets(tmp_path, dataset):
    @dataclasses.dataclass
    class Answer:
        text: str
        note: str | None = None

    targets = [{"answers": ["a", "b"], "n": np.int64(2)}, Answer("a"), None]
    JSONLogger(tmp_path)("task", 1, {}, dataset, PREDICTIONS, targets)
    assert [row["target"] for row in read_lines(tmp_path / "task-000001.jsonl")] == [
        {"answers": ["a", "b"], "n": 2},
        {"text": "a"},
        None,
    ]


def test_an_example_that_fails_leaves_what_was_written(tmp_path):
    def examples():
        yield {"x": 1}
        raise RuntimeError("no more data")

    logger = JSONLogger(tmp_path)
    logger("task", 1, {"m": Scalar(1)}, [{"x": 1}], {"prediction": ["p0"]}, ["t0"])
    with pytest.raises(RuntimeError, match="no more data"):
        logger("task", 1, {"m": Scalar(2)}, examples(), {"prediction": ["q0"]}, ["t0"])
    assert sorted(path.name for path in tmp_path.iterdir()) == ["task-000001.jsonl", "task-metrics.jsonl"]
    assert read_lines(tmp_path / "task-000001.jsonl")[0]["prediction"] == "p0"


def test_a_full_disk_leaves_what_was_written(small_disk):
    directory, reason = small_disk
    logger = JSONLogger(directory)
    logger("task", 1, {"m": Scalar(1)}, [{"x": "x"}] * 10, {"prediction": ["p"] * 10}, ["t"] * 10)
    with pytest.raises(errors.LoggerError, match=rf"JSONLogger cannot write '.*-000002.jsonl'.*{reason}.*as log_dir"):
        logger("task", 2, {"m": Scalar(2)}, [{"x": "x" * 100}] * 1000, {"prediction": ["p"] * 1000}, ["t"] * 1000)
    with pytest.raises(errors.LoggerError, match=rf"JSONLogger cannot write '.*task-metrics.jsonl'.*{reason}"):
        logger("task", 3, {"m": Text("x" * 100_000)}, None, None, None)
    assert sorted(path.name for path in directory.iterdir()) == ["task-000001.jsonl", "task-metrics.jsonl"]
    assert len(read_lines(directory / "task-000001.jsonl")) == 10
    assert [line["step"] for line in read_lines(directory / "task-metrics.jsonl")] == [1, 2]
