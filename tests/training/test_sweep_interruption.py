"""Whatever kills a sweep, it goes on where it was and ends with the same bytes.

EVALKIT_KILLS=20 tries as many kills; the default is quicker.
"""

from __future__ import annotations

import collections
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from tensorboard.backend.event_processing.event_file_loader import EventFileLoader

from tests.training.bigrams import save

ROOT = Path(__file__).parent.parent.parent
KILLS = int(os.environ.get("EVALKIT_KILLS", "3"))
BATCHES = 5 * 10 * 2  # checkpoints, batches of 100 among 1,000 examples, and answers and scores


def start(*arguments):
    command = [sys.executable, "-m", "tests.training.sweep_worker", *map(str, arguments)]
    environment = {**os.environ, "JAX_PLATFORMS": "cpu"}
    return subprocess.Popen(
        command, cwd=ROOT, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )


def files(folder: Path) -> dict[str, bytes]:
    """All files but the lock and the event files, which tell the time."""
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file() and "tfevents" not in path.name and path.name != ".sweep.lock"
    }


def events(folder: Path) -> collections.Counter:
    return collections.Counter(
        (event.step, value.tag, tuple(value.tensor.float_val))
        for path in folder.glob("events.out.tfevents.*")
        for event in EventFileLoader(str(path)).Load()
        for value in event.summary.value
    )


@pytest.fixture(scope="module")
def uninterrupted(tmp_path_factory):
    folder = tmp_path_factory.mktemp("uninterrupted")
    checkpoints = save(folder / "checkpoints", 0, 25, 50, 75, 100)
    process = start(checkpoints, folder / "results", folder / "asked")
    _, complaints = process.communicate(timeout=300)
    assert process.returncode == 0, complaints
    assert len((folder / "asked").read_text().splitlines()) == BATCHES
    return folder


def test_a_sweep_that_is_killed_again_and_again_ends_with_the_same_bytes(uninterrupted, tmp_path):
    chance, results, asked = random.Random(7), tmp_path / "results", tmp_path / "asked"
    most, kills, finished = max(2, 2 * BATCHES // (KILLS + 1) - 1), 0, False
    while not finished:
        process = start(uninterrupted / "checkpoints", results, asked)
        if kills < KILLS:
            for _ in range(chance.randint(1, most)):
                if not process.stdout.readline():
                    break
            time.sleep(chance.uniform(0, 0.02))
            process.send_signal(signal.SIGKILL)
            kills += process.wait() == -signal.SIGKILL
        else:
            process.wait(timeout=300)
        finished = process.returncode == 0
        process.communicate()
    assert kills == KILLS or KILLS > 3
    assert files(results) == files(uninterrupted / "results")
    assert events(results) == events(uninterrupted / "results")
    assert set(events(results).values()) == {1}
    times = collections.Counter(asked.read_text().splitlines())
    redone = sum(times.values()) - BATCHES
    sys.stdout.write(f"{kills} kills, {redone} batches asked for again\n")
    assert len(times) == BATCHES
    assert redone <= kills
