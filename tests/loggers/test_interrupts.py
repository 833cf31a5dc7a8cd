"""Whatever ends the process, the files it leaves are whole."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from evalkit.loggers import JSONLogger, TensorBoardLogger
from evalkit.metrics.values import Scalar

WORKER = Path(__file__).with_name("interrupted_worker.py")
ROWS = 2_000


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
@pytest.mark.parametrize("seconds", [0.05, 0.31])
def test_an_interrupted_process_leaves_whole_files(tmp_path, read_events, number, seconds):
    process = subprocess.Popen([sys.executable, WORKER, tmp_path], stdout=subprocess.PIPE)
    try:
        assert process.stdout is not None
        assert process.stdout.readline() == b"logging\n"
        time.sleep(seconds)
        process.send_signal(number)
        process.communicate(timeout=30)
    finally:
        process.kill()  # it would fill the disk
    assert process.returncode != 0

    steps = [json.loads(line)["step"] for line in (tmp_path / "task-metrics.jsonl").read_text().splitlines()]
    assert steps == list(range(len(steps)))
    files = sorted(tmp_path.glob("task-0*.jsonl"))
    assert len(files) in (len(steps) - 1, len(steps))  # the last step may not have got to its rows
    for path in files:
        assert [json.loads(line)["input"]["id"] for line in path.read_text().splitlines()] == list(range(ROWS))
    assert [event[0] for event in read_events(tmp_path / "task")] in (steps, steps[:-1])
    if number == signal.SIGINT:
        assert not list(tmp_path.glob("*.tmp"))

    for logger in (JSONLogger(tmp_path), TensorBoardLogger(tmp_path)):  # and the next process goes on from there
        logger("task", 1000, {"m": Scalar(1)}, None, None, None)
        logger.close()
    assert json.loads((tmp_path / "task-metrics.jsonl").read_text().splitlines()[-1]) == {"step": 1000, "m": 1}
    assert read_events(tmp_path / "task")[-1][0] == 1000
