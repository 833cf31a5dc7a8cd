"""Each library reads the other's offline caches; and of one that no longer matches its task, only evalkit tells."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path
from typing import Any

import pytest

from evalkit.compat import seqio
from tests.compat.differential import caches
from tests.compat.exact import without_words
from tests.compat.libraries import ROOT, SEQIO, needs_seqio

pytest.importorskip("apache_beam", reason="evalkit cache needs the extra cache")
from evalkit.caching import cache_tasks


@pytest.fixture(scope="module")
def ours(tmp_path_factory) -> str:
    """A directory with the cache that evalkit writes."""
    directory = str(tmp_path_factory.mktemp("ours"))
    caches.register(seqio)
    [outcome] = cache_tasks([seqio.TaskRegistry.get(caches.NAME)], directory)
    assert outcome.error is None
    seqio.TaskRegistry.reset()
    return directory


@pytest.fixture(scope="module")
def theirs(tmp_path_factory) -> str:
    """A directory with the cache that seqio's command writes."""
    directory = str(tmp_path_factory.mktemp("theirs"))
    command = [SEQIO, "-m", "seqio.scripts.cache_tasks_main", "--module_import=tests.compat.seqio_task_module"]
    command += [f"--tasks={caches.NAME}", f"--output_cache_dir={directory}"]
    environment = {**os.environ, "TF_CPP_MIN_LOG_LEVEL": "3", "JAX_PLATFORMS": "cpu", "PYTHONPATH": str(ROOT)}
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True)
    if "google-crc32c" in done.stderr:
        pytest.skip("seqio's Beam writes no TFRecords without google-crc32c: install it there")
    assert done.returncode == 0, done.stderr[-3000:]
    return directory


def read(directory: str, added: int = 0) -> dict[str, Any]:
    found = caches.run(seqio, {"directory": directory, "added": added}, Path(directory))
    seqio.set_global_cache_dirs([])
    return found


def sorted_examples(result: dict[str, Any]) -> list[str]:
    assert "error" not in result, result
    return sorted(map(str, result["examples"]))


@needs_seqio
def test_each_reads_what_the_other_wrote(libraries, ours, theirs):
    cases = [{"directory": directory, "added": 0} for directory in (ours, theirs)]
    results = libraries.run("caches", cases)
    assert list(map(without_words, results["evalkit"])) == list(map(without_words, results["seqio"]))
    of_ours, of_theirs = map(sorted_examples, results["evalkit"])  # seqio's command shuffles, and has no order
    assert of_ours == of_theirs
    assert len(of_ours) == len(caches.ROWS)


@needs_seqio
def test_seqio_reads_the_cache_of_another_definition(libraries, theirs):
    [now, before] = libraries.run("caches", [{"directory": theirs, "added": n} for n in (5, 0)], names=["seqio"])[
        "seqio"
    ]
    assert now == before


@needs_seqio
def test_nothing_tells_whether_a_cache_of_seqios_is_of_another_definition(theirs):
    assert read(theirs, added=5) == read(theirs, added=0)


def test_evalkit_refuses_the_cache_of_another_definition(ours):
    assert "error" not in read(ours)
    refused = read(ours, added=5)
    assert refused["error"] == "ValueError"
    assert "is of another task" in refused["message"]
    assert "with_shapes" in refused["message"]


def test_it_is_read_where_that_is_asked_for(ours):
    caches.register(seqio, added=5)
    seqio.add_global_cache_dirs([ours], accept_stale=True)
    examples = seqio.TaskRegistry.get(caches.NAME).get_dataset(split="train", use_cached=True, shuffle=False)
    assert len(list(examples)) == len(caches.ROWS)
    seqio.set_global_cache_dirs([])
