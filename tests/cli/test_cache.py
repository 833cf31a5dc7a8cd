"""`evalkit cache`."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]

MODULE = """
import tensorflow as tf

from evalkit import ByteVocabulary, CacheDatasetPlaceholder, Feature, InMemoryDataSource, TaskRegistry, preprocessors

FEATURES = {"inputs": Feature(ByteVocabulary())}
ROWS = [{"inputs": f"row {number}"} for number in range(20)]


def add(name, *steps, splits=("train", "validation")):
    TaskRegistry.add(
        name,
        source=InMemoryDataSource({split: ROWS for split in splits}),
        preprocessors=[preprocessors.tokenize, *steps],
        output_features=FEATURES,
        override=True,
    )


def fail(dataset):
    return dataset.map(lambda row: {**row, "n": tf.strings.to_number(row["inputs_pretokenized"])})


add("mine_1", CacheDatasetPlaceholder())
add("mine_2", CacheDatasetPlaceholder(), splits=("train",))
add("broken", fail, CacheDatasetPlaceholder())
add("without")
LOG = open("log.txt", "w")
add("logging", lambda rows: rows.map(lambda row: row if LOG else {}), CacheDatasetPlaceholder(), splits=("train",))
"""


@pytest.fixture
def module(tmp_path, monkeypatch):
    monkeypatch.delitem(sys.modules, "cached_tasks", raising=False)
    (tmp_path / "cached_tasks.py").write_text(MODULE, encoding="utf-8")
    yield "--import=cached_tasks"
    sys.modules.pop("cached_tasks", None)


def row_of(out, *words):
    """The line of a table that begins with these words, as words."""
    [line] = [line.split() for line in out.splitlines() if line.split()[: len(words)] == list(words)]
    return line


def test_caching_and_caching_again(evalkit_command, module, tmp_path):
    arguments = ("cache", module, "--tasks=mine_.*", "--output-dir=caches", "--min_files=2")
    result = evalkit_command(*arguments)
    assert result.status == 0, result.err
    for name, split in (("mine_1", "train"), ("mine_1", "validation"), ("mine_2", "train")):
        assert row_of(result.out, name, split)[2:4] == ["20", "2"]
        assert row_of(result.out, name, split)[-1] == "written"
    assert "Caches:    caches\nTo read:   evalkit.data.set_global_cache_dirs(['caches'])" in result.out
    assert (tmp_path / "caches" / "mine_1" / "COMPLETED").exists()
    again = evalkit_command(*arguments, "--splits=train")
    assert again.out.count("up to date") == 2 and "validation" not in again.out
    assert "written" in evalkit_command(*arguments, "--overwrite").out


def test_options_for_beam(evalkit_command, module):
    common = ("cache", module, "--tasks=mine_2", "--output_dir=caches", "--")
    assert evalkit_command(*common, "--runner=BundleBasedDirectRunner").status == 0
    result = evalkit_command(*common, "--runner=Nobody")
    assert result.status == 1
    assert "Beam does not take the pipeline options --runner=Nobody: Unexpected pipeline runner" in result.err


def test_workers_in_processes_of_their_own(module, tmp_path):
    """They import the modules of --import, and find the tasks there."""
    command = [sys.executable, "-c", "from evalkit.cli import main; main()", "cache", module, "--tasks=mine_2"]
    command += ["--output_dir=caches", "--pieces=2", "--", "--direct_running_mode=multi_processing"]
    environment = {"PYTHONPATH": str(ROOT), "TF_CPP_MIN_LOG_LEVEL": "3", "PATH": ""}
    result = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True)
    assert result.returncode == 0, result.stderr
    assert row_of(result.stdout, "mine_2", "train")[-1] == "written"


def test_verifying(evalkit_command, module, tmp_path):
    common = ("cache", module, "--tasks=mine_.*", "--output_dir=caches")
    result = evalkit_command(*common, "--verify")
    assert result.status == 1
    assert "No cache of mine_1, mine_2 is complete in caches." in result.err
    evalkit_command(*common, "--splits=train")
    result = evalkit_command(*common, "--verify")
    assert result.status == 0, result.err
    assert result.out.count("as it was written") == 2
    path = next((tmp_path / "caches" / "mine_2").glob("train.tfrecord-00007-*"))
    path.write_bytes(path.read_bytes() + b"x")
    result = evalkit_command(*common, "--verify")
    assert result.status == 1
    assert row_of(result.out, "mine_2", "train")[2:] == ["1", "problems"]
    assert "Task 'mine_2', split 'train': caches/mine_2/train.tfrecord-00007-of-00064 has" in result.err


def test_failures_are_shown_beside_what_was_written(evalkit_command, module):
    result = evalkit_command("cache", module, "--tasks=mine_2", "--tasks=broken", "--output_dir=caches")
    assert result.status == 1
    assert row_of(result.out, "mine_2", "train")[-1] == "written"
    assert row_of(result.out, "broken", "train")[-1] == "failed"
    assert "2 splits could not be cached." in result.err
    assert "  - Task 'broken', split 'validation', piece 0 of 1: preprocessing failed" in result.err
    result = evalkit_command("cache", module, "--tasks=broken", "--splits=train", "--output_dir=caches")
    assert result.err.startswith("evalkit: Task 'broken', split 'train', piece 0 of 1: preprocessing failed")


def test_parts_that_cannot_be_fingerprinted(evalkit_command, module):
    arguments = ("cache", module, "--tasks=logging", "--output_dir=caches")
    result = evalkit_command(*arguments)
    assert result.status == 1
    assert "Task 'logging', preprocessor '<lambda>'" in result.err and "--permit_unknown" in result.err
    result = evalkit_command(*arguments, "--permit_unknown")
    assert result.status == 0, result.err
    assert "Not watched: preprocessor '<lambda>' of Task 'logging', split 'train'." in result.out


def test_tasks_that_are_passed_over(evalkit_command, module):
    result = evalkit_command("cache", module, "--tasks=mine_2|without", "--output_dir=caches")
    assert result.status == 0, result.err
    assert "Passed over: without, which has no CacheDatasetPlaceholder." in result.out
    result = evalkit_command("cache", module, "--tasks=without", "--output_dir=caches")
    assert result.status == 1
    assert "None of these tasks supports caching: without." in result.err


@pytest.mark.parametrize(
    ("arguments", "status", "message"),
    [
        (("--tasks=mine_[",), 1, "--tasks=mine_[ is no regular expression"),
        (("--tasks=mine",), 1, "No task named 'mine' is registered. Nearest names: 'mine_"),
        ((), 2, "Flag --tasks must have a value"),
        (("--tasks=mine_1", "caches"), 2, "`evalkit cache` takes flags, and Beam's after --, found 'caches'"),
    ],
)
def test_wrong_arguments(evalkit_command, module, arguments, status, message):
    result = evalkit_command("cache", module, "--output_dir=caches", *arguments)
    assert result.status == status
    assert message in result.err


def test_without_beam(module, tmp_path):
    """Only writing needs it, and says what brings it, before anything is written."""
    code = f"""
import sys
sys.modules["apache_beam"] = None
from evalkit.cli import main
for arguments in ("--help", "--verify --tasks=mine_2", "--tasks=mine_2"):
    try:
        main(["evalkit", "cache", "{module}", "--output_dir=caches", *arguments.split()])
    except SystemExit as end:
        print("status", end.code, file=sys.stderr)
"""
    environment = {"PYTHONPATH": str(ROOT), "TF_CPP_MIN_LOG_LEVEL": "3", "PATH": ""}
    result = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, env=environment, capture_output=True, text=True)
    assert "--output_dir" in result.stdout
    of_help, of_verify, of_writing, _ = result.stderr.split("status")
    assert "Beam" not in of_help
    assert "No cache of mine_2 is complete" in of_verify
    assert "Offline caching needs the package 'apache-beam'" in of_writing
    assert "pip install 'evalkit[cache]'" in of_writing
    assert not (tmp_path / "caches").exists()
