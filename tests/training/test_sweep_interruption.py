"""Whatever kills a sweep, it goes on where it was and ends with the same bytes.

EVALKIT_STOPS=22 tries 20 kills, and a SIGTERM and a Ctrl-C; the default is quicker.
"""

from __future__ import annotations

import collections
import contextlib
import os
import random
import signal
import sys
import time
from pathlib import Path

import pytest
from tensorboard.backend.event_processing.event_file_loader import EventFileLoader

from evalkit.errors import LoggerError
from evalkit.training import CheckpointSweep
from tests.training import processes, sweep_worker
from tests.training.bigrams import letters_task, model, save
from tests.training.full_disk import fillable_disk

STOPS = int(os.environ.get("EVALKIT_STOPS", "3"))
SIGNALS = [*[signal.SIGKILL] * (STOPS - 2), signal.SIGTERM, signal.SIGINT]
BATCHES = 5 * 10 * 2  # checkpoints, batches of 100 among 1,000 examples, and answers and scores


def start(checkpoints, results, asked):
    """A process that sweeps, and where it tells which batches it asks for."""
    listening, telling = processes.pipe()
    process = processes.start(sweep_worker.sweep, checkpoints, results, asked, telling)
    telling.close()
    return process, listening


def finish(process, listening) -> int:
    with contextlib.suppress(EOFError):
        while True:
            listening.recv()
    process.join(timeout=300)
    return process.exitcode


def stopped_by(process, number) -> bool:
    """Sends the signal as a person presses Ctrl-C: TensorFlow's finalizers swallow what is raised while they run."""
    while process.is_alive():
        os.kill(process.pid, number)
        process.join(timeout=1 if number == signal.SIGINT else 60)
    return process.exitcode == -number


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
    assert finish(*start(checkpoints, folder / "results", folder / "asked")) == 0
    assert len((folder / "asked").read_text().splitlines()) == BATCHES
    return folder


def test_a_sweep_that_is_stopped_again_and_again_ends_with_the_same_bytes(uninterrupted, tmp_path):
    chance, results, asked = random.Random(7), tmp_path / "results", tmp_path / "asked"
    most, stops, finished = max(2, 2 * BATCHES // (STOPS + 1) - 1), 0, False
    while not finished:
        process, listening = start(uninterrupted / "checkpoints", results, asked)
        if stops < STOPS:
            with contextlib.suppress(EOFError):
                for _ in range(chance.randint(1, most)):
                    listening.recv()
            time.sleep(chance.uniform(0, 0.02))
            stops += stopped_by(process, SIGNALS[stops])
        finished = finish(process, listening) == 0
    assert stops == STOPS or STOPS > 3
    assert files(results) == files(uninterrupted / "results")
    assert events(results) == events(uninterrupted / "results")
    assert set(events(results).values()) == {1}
    times = collections.Counter(asked.read_text().splitlines())
    redone = sum(times.values()) - BATCHES
    sys.stdout.write(f"{stops} stops, {redone} batches asked for again\n")
    assert len(times) == BATCHES
    assert redone <= stops


def test_a_disk_that_is_full_for_a_while_costs_nothing_that_was_written(uninterrupted, tmp_path):
    sweep = CheckpointSweep(model(), [letters_task(count=1000)], tmp_path, batch_size=100)
    with fillable_disk() as allow:

        def fill(progress):
            if progress.step == 25 and progress.num_done == 300:
                allow(1000)

        with pytest.raises(LoggerError, match=r"A sweep cannot write .*step_00000025.*File too large.* as results_dir"):
            sweep.run(uninterrupted / "checkpoints", fill)
        allow(None)
        asked = []
        report = sweep.run(uninterrupted / "checkpoints", asked.append)
    assert [entry.step for entry in report.entries] == [0, 25, 50, 75, 100]
    assert asked[0][:4] == (25, "letters", "prediction", 300)
    assert files(tmp_path) == files(uninterrupted / "results")
    assert events(tmp_path) == events(uninterrupted / "results")
