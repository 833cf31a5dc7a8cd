"""A sweep that waits for checkpoints, and tries again what failed while it waits."""

from __future__ import annotations

import collections
import time

import pytest

from evalkit.errors import ArgumentError, CheckpointError
from tests.training.bigrams import letters_task, save
from tests.training.racing_writer import writer
from tests.training.sweeps import failing, moody, sweep


def test_checkpoints_are_followed_while_they_are_written_and_deleted(tmp_path):
    process = writer(tmp_path / "run", 12, "bigrams")
    try:
        report = sweep(tmp_path / "results").follow(tmp_path / "run", until_step=12, idle_timeout_s=60, poll_s=0.02)
    finally:
        process.join(timeout=60)
    assert report.entries[-1].step == 12
    expected = sweep(tmp_path / "expected").run(save(tmp_path / "again", *(entry.step for entry in report.entries)))
    assert [e.metrics for e in report.entries] == [e.metrics for e in expected.entries]


def test_following_ends_when_nothing_comes(checkpoints, tmp_path):
    waits = []
    begin = time.monotonic()
    report = sweep(tmp_path).follow(checkpoints, idle_timeout_s=0.3, poll_s=0.05, on_wait=waits.append)
    assert 0.3 <= time.monotonic() - begin < 60
    assert waits == [report]
    with pytest.raises(CheckpointError, match="There is no folder"):
        sweep(tmp_path).follow(tmp_path / "none", idle_timeout_s=0.1, poll_s=0.05)
    with pytest.raises(ArgumentError, match="poll_s must be at least 0, found -1"):
        sweep(tmp_path).follow(checkpoints, poll_s=-1)


def test_what_failed_is_tried_again_while_there_is_nothing_else_to_do(checkpoints, tmp_path, monkeypatch):
    monkeypatch.setenv("EVALKIT_TESTS_MOOD", "bad")
    waits = []

    def improve(report):
        waits.append({entry.step for entry in report.entries if entry.failures})
        monkeypatch.delenv("EVALKIT_TESTS_MOOD", raising=False)

    following = sweep(tmp_path, letters_task(metric_fns=[moody]))
    report = following.follow(checkpoints, until_step=100, poll_s=0.02, on_wait=improve)
    assert (waits[0], waits[-1]) == ({0, 50, 100}, set())
    report.raise_failures()


def test_what_fails_each_time_is_tried_three_times(checkpoints, tmp_path):
    tried = []
    following = sweep(tmp_path, letters_task(metric_fns=[failing]), batch_size=60)
    report = following.follow(checkpoints, until_step=100, poll_s=0.02, on_progress=tried.append)
    done = collections.Counter(progress.step for progress in tried if progress.num_done)
    assert done == {0: 3, 50: 3, 100: 3}
    assert [entry.status for entry in report.entries] == ["failed"] * 3


def test_a_last_checkpoint_that_cannot_be_read_ends_it_too(copied, tmp_path):
    (copied / "200").mkdir()
    (copied / "200" / "commit_success.txt").touch()
    report = sweep(tmp_path / "results").follow(copied, until_step=200, poll_s=0.02)
    assert [entry.step for entry in report.entries] == [0, 50, 100]
    assert list(report.damaged) == [200]
