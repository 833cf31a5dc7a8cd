"""Killed at any point and started again, caching gives the same bytes as when nobody disturbs it."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.caching.interrupted_worker import PIECES

ROOT = Path(__file__).parents[2]


class Writer:
    """The process that forks off those that write."""

    def __init__(self, source: Path) -> None:
        command = [sys.executable, "-m", "tests.caching.interrupted_worker", str(source)]
        self.process = subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        assert self.answer().startswith("ready")

    def answer(self) -> str:
        return self.process.stdout.readline().strip()

    def start(self, directory: Path) -> int:
        """Begins to write a cache, and gives the id of the process that does."""
        self.process.stdin.write(f"{directory}\n")
        self.process.stdin.flush()
        return int(self.answer())

    def finish(self, directory: Path) -> None:
        self.start(directory)
        assert self.answer() == "0"

    def kill_when(self, directory: Path, reached) -> int:
        """Begins to write, and kills when `reached()`; gives the exit status, 0 if that was too late."""
        pid = self.start(directory)
        deadline = time.monotonic() + 60
        while not reached() and not (directory / "interrupted" / "COMPLETED").exists():
            assert time.monotonic() < deadline
            time.sleep(0.0005)
        os.kill(pid, signal.SIGKILL)  # as long as nobody read its status, the id is its own
        return int(self.answer())


@pytest.fixture(scope="module")
def writer(tmp_path_factory):
    source = tmp_path_factory.mktemp("source")
    for file in range(PIECES):
        lines = (f"a line of text, number {row} of file {file}\n" for row in range(700))
        (source / f"{file}.txt").write_text("".join(lines), encoding="utf-8")
    writer = Writer(source)
    yield writer
    writer.process.stdin.close()
    assert writer.process.wait(timeout=30) == 0


@pytest.fixture(scope="module")
def expected(writer, contents, tmp_path_factory):
    """The cache that nobody disturbed."""
    directory = tmp_path_factory.mktemp("undisturbed")
    writer.finish(directory)
    found = contents(directory)
    assert len(found) == 2 * PIECES + len(["COMPLETED", "info", "stats", "manifest"])
    return found


STAGES = {
    "a draft": ".caching/*/tmp-*/*",
    "the first file": "train.tfrecord-00000-*",
    "a piece": ".caching/*/piece-00000-*",
    "the manifest": "manifest.train.json",
    "the description": "info.train.json",
    "the mark": "COMPLETED",
}


@pytest.mark.parametrize("stage", STAGES)
def test_killed_at_a_stage(writer, expected, contents, tmp_path, stage):
    folder = tmp_path / "interrupted"
    writer.kill_when(tmp_path, lambda: any(folder.glob(STAGES[stage])))
    times = {path: path.stat().st_mtime_ns for path in folder.glob("train.tfrecord-*")}
    noted = len(list(folder.glob(".caching/*/piece-*")))
    writer.finish(tmp_path)
    assert contents(tmp_path) == expected
    kept = sum(path.stat().st_mtime_ns == before for path, before in times.items())
    assert kept >= 2 * noted  # a piece that was complete was not written again


def test_killed_again_and_again(writer, expected, contents, tmp_path):
    seed = random.randrange(2**32)
    chance = random.Random(seed)
    for _ in range(5):
        stop = time.monotonic() + chance.uniform(0.05, 1.2)
        writer.kill_when(tmp_path, lambda stop=stop: time.monotonic() > stop)
    writer.finish(tmp_path)
    assert contents(tmp_path) == expected, f"seed {seed}"
