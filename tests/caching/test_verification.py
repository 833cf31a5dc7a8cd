"""`problems_of` reads every byte."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from evalkit.caching.verification import problems_of, splits_to_verify


@pytest.fixture
def cached(make_task, write_caches):
    task = make_task(splits=["train", "test"])
    write_caches(task)
    return task


@pytest.fixture
def folder(cached, output_dir):
    return Path(output_dir, cached.name)


def flip(path, position=17):
    content = bytearray(path.read_bytes())
    content[position] ^= 1
    path.write_bytes(content)


def test_which_splits_there_are(cached, folder, output_dir):
    assert splits_to_verify(cached, output_dir) == ["test", "train"]
    assert splits_to_verify(cached, output_dir, ["dev", "train"]) == ["train"]
    (folder / "COMPLETED").unlink()
    assert splits_to_verify(cached, output_dir) == []


def test_nothing_is_wrong(cached, output_dir):
    assert problems_of(cached, output_dir, "train") == []


@pytest.mark.parametrize("name", ["train.tfrecord-00003-of-00064", "stats.train.json"])
def test_a_byte_that_changed(cached, folder, output_dir, name):
    flip(folder / name)
    [problem] = problems_of(cached, output_dir, "train")
    assert problem == f"{folder / name} was changed after it was written (its SHA-256 differs)"
    assert problems_of(cached, output_dir, "test") == []


def test_a_task_that_changed(cached, make_task, output_dir):
    assert problems_of(make_task(splits=["train"], rows=11), output_dir, "train") == ["the source changed"]


def test_what_cannot_be_read_at_all(cached, folder, output_dir):
    (folder / "info.train.json").write_text("{")
    [problem] = problems_of(cached, output_dir, "train")
    assert "are not JSON" in problem


@pytest.fixture
def of_seqio(folder):
    """The cache as seqio would have written it."""
    (folder / "manifest.train.json").unlink()
    info = json.loads((folder / "info.train.json").read_text())
    del info["evalkit_version"]
    (folder / "info.train.json").write_text(json.dumps(info))


def test_records_are_read_where_there_is_no_manifest(of_seqio, cached, folder, output_dir):
    assert problems_of(cached, output_dir, "train") == []
    (folder / "stats.train.json").write_text('{"examples": 11}')
    assert problems_of(cached, output_dir, "train") == ["the files have 10 examples instead of 11"]
    flip(folder / "train.tfrecord-00003-of-00064")
    [problem] = problems_of(cached, output_dir, "train")
    assert problem.startswith(f"{folder / 'train.tfrecord-00003-of-00064'} cannot be read (corrupted record at")
