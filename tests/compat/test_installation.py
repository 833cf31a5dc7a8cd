"""`install()`, in processes of their own: what it does to `sys.modules` would outlive a test."""

from __future__ import annotations

import json
import os
import pickle
import subprocess
import sys
from pathlib import Path

import pytest

from evalkit.compat import seqio
from tests.compat.libraries import SEQIO, needs_seqio

ROOT = Path(__file__).parents[2]


def run(*arguments: str, cwd: Path = ROOT) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "TF_CPP_MIN_LOG_LEVEL": "3"}
    return subprocess.run([sys.executable, *arguments], cwd=cwd, env=environment, capture_output=True, text=True)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("installed")


@pytest.fixture(scope="module")
def installed(folder):
    """What `installed_worker` saw."""
    done = run("-m", "tests.compat.installed_worker", str(folder))
    marked = [line for line in done.stdout.splitlines() if line.startswith("RESULT ")]
    assert marked, done.stderr[-3000:]
    return json.loads(marked[0].removeprefix("RESULT "))


def test_whichever_way_a_library_imports_seqio_it_gets_evalkit(installed):
    *ways, missing, deterministic = installed["imports"].values()
    assert set(ways) == {"evalkit.data.task.Task"}
    assert missing == "No module named 'seqio.no_such_module'"
    assert "cannot import name 'deterministic'" in deterministic


def test_there_is_one_module_under_two_names(installed):
    assert installed["copies"] == []


def test_what_takes_an_extra_or_is_for_tests_is_not_loaded_before_it_is_used(installed):
    assert installed["loaded_early"] == []


def test_every_name_that_t5x_uses_resolves(installed):
    assert installed["unresolved"] == []


def test_a_library_like_t5x_evaluates(installed):
    found = installed["evaluation"]
    assert found["tasks"] == ["spanish"]
    assert found["shapes"]["encoder_input_tokens"] == [6]  # "three" and EOS
    assert found["given shapes"]["decoder_target_tokens"] == [8]
    assert found["scalars"] == [True, True]
    length = (4 + 4 + 5 + 7 + 6) / 5  # of "uno" to "cinco", each with EOS
    at_both = {"mean_score": -length, "mean_length": length}
    assert found["metrics"] == [
        {"step": 5, "right": 0.0, "right_with_aux": 0.0, **at_both},
        {"step": 100, "right": 1.0, "right_with_aux": 1.0, **at_both},
    ]
    assert found["files"] == ["spanish", "spanish-000005.jsonl", "spanish-000100.jsonl", "spanish-metrics.jsonl"]
    assert [row["aux_lengths"] for row in found["rows"]] == [4, 4, 5, 7, 6]
    names = ["mean_length", "mean_score", "right", "right_with_aux"]
    assert found["tags"] == [[f"eval/{name}", step] for name in names for step in (5, 100)]


@needs_seqio
def test_seqio_evaluates_a_library_like_t5x_to_the_same(installed, tmp_path):
    """Metrics, rows, shapes, names of files and tags, in seqio's own process."""
    library = Path(__file__).with_name("inference_library.py")
    theirs = subprocess.run([SEQIO, library, tmp_path], capture_output=True, text=True)
    marked = [line for line in theirs.stdout.splitlines() if line.startswith("RESULT ")]
    assert marked, theirs.stderr[-3000:]
    assert json.loads(marked[0].removeprefix("RESULT ")) == installed["evaluation"]


def test_pickles_load_under_both_names(installed, folder):
    assert installed["pickles"]
    assert all(installed["pickles"].values())
    feature, vocabulary, task = pickle.loads((folder / "objects.pickle").read_bytes())  # here nothing is installed
    assert "seqio" not in sys.modules
    assert feature == seqio.Feature(seqio.PassThroughVocabulary(10))
    assert vocabulary == seqio.ByteVocabulary(extra_ids=3)
    assert (type(task), task.name, task.splits) == (seqio.Task, "pickled", ("test",))


def test_it_refuses_when_seqio_is_imported_already(tmp_path):
    (tmp_path / "seqio.py").write_text("Task = None\n")
    code = f"import sys; sys.path.insert(0, {str(tmp_path)!r}); import seqio; from evalkit.compat import seqio as ours"
    result = run("-c", f"{code}; ours.install()")
    assert result.returncode != 0
    assert "ArgumentError: seqio is imported already, from" in result.stderr
    assert str(tmp_path / "seqio.py") in result.stderr
    assert "before the first import of seqio" in result.stderr
