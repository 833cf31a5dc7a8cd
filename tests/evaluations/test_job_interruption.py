"""Whatever ends the process, a result that can be read is whole, and a job goes on from there."""

from __future__ import annotations

import hashlib
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.evaluations.interrupted_worker import TEXTS, job
from tests.evaluations.jobs import Counting

ROOT = Path(__file__).parent.parent.parent
COUNTS = {"stories": len(TEXTS), "counting": len(TEXTS), "more": 7}


@pytest.fixture(scope="module")
def left(tmp_path_factory):
    """The folder that a killed process left behind."""
    folder = tmp_path_factory.mktemp("left")
    command = [sys.executable, "-m", "tests.evaluations.interrupted_worker", folder]
    environment = {**os.environ, "JAX_PLATFORMS": "cpu"}
    process = subprocess.Popen(command, cwd=ROOT, env=environment, stdout=subprocess.PIPE)
    assert process.stdout is not None
    try:
        assert process.stdout.readline() == b"running\n"
        time.sleep(0.7)
    finally:
        process.send_signal(signal.SIGKILL)
        process.communicate(timeout=30)
    return folder


def whole(folder: Path) -> list[str]:
    """The names in results.json, after checking that all that can be read is whole."""
    found = {}
    for name in ("results.json", "partial.json"):
        for path in folder.rglob(name):
            found[name] = json.loads(path.read_text(), parse_constant=pytest.fail)["evaluations"]
            for evaluation, entry in found[name].items():
                content = (path.parent / entry["rows"]["file"]).read_bytes()
                assert hashlib.sha256(content).hexdigest() == entry["rows"]["sha256"]
                assert [json.loads(line)["index"] for line in content.splitlines()] == [*range(COUNTS[evaluation])]
    return sorted(found.get("results.json", []))


def test_at_every_moment_there_is_the_whole_result_or_none(left):
    copies = sorted((left / "copies").iterdir(), key=lambda path: int(path.name))
    assert len(copies) > 10
    kinds = [whole(copy) for copy in copies]
    assert {tuple(names) for names in kinds} <= {(), tuple(sorted(COUNTS))}
    assert whole(left / "first") == sorted(COUNTS)
    expected = job(left / "first", 0).run()
    for copy in copies[::3]:
        again = job(copy, 0)
        again.run()
        assert again.done
        assert again.run() == expected
        assert whole(copy) == sorted(COUNTS)


def test_of_what_was_done_nothing_is_run_again(left):
    copies = sorted((left / "copies").iterdir(), key=lambda path: int(path.name))
    Counting.runs.clear()
    job(copies[-1], 0).run()
    assert Counting.runs == []


def test_a_killed_process_leaves_whole_results(left):
    steps = sorted((left / "many").iterdir())
    assert len(steps) > 1
    assert all(whole(step) == sorted(COUNTS) for step in steps[:-1])
    assert whole(steps[-1]) in ([], sorted(COUNTS))
    last = job(left / "many", len(steps) - 1)
    last.run()
    assert last.done
