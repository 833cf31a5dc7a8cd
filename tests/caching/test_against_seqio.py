"""The files that seqio's command writes and ours, compared: examples (random ones too), descriptions, statistics.

Needs an interpreter with seqio 0.0.20, apache-beam and google-crc32c, named by EVALKIT_SEQIO_PYTHON. That each library
reads what the other wrote is tested in `tests/compat/test_caches.py`.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import tensorflow as tf

from evalkit.data.cache_files import task_folder
from tests.caching.cached_by import NAME

ROOT = Path(__file__).parents[2]
SEQIO = os.environ.get("EVALKIT_SEQIO_PYTHON", "")

pytestmark = pytest.mark.skipif(not SEQIO, reason="EVALKIT_SEQIO_PYTHON names no interpreter that has seqio")


@pytest.fixture(scope="module", params=[0, 42])
def folders(request, tmp_path_factory):
    """The folder of the cache, by library."""
    source = tmp_path_factory.mktemp("source")
    for split, files in (("train", 3), ("validation", 1)):
        for file in range(files):
            (source / f"{split}-{file}.txt").write_text("".join(f"{row}\n" for row in range(file, 40, files)))
    directory = tmp_path_factory.mktemp("caches")
    environment = {**os.environ, "TF_CPP_MIN_LOG_LEVEL": "3", "JAX_PLATFORMS": "cpu"}
    processes = {
        library: subprocess.Popen(
            [python, "-m", "tests.caching.cached_by", library, source, directory / library, str(request.param)],
            cwd=ROOT,
            env=environment,
            stderr=subprocess.PIPE,
            text=True,
        )
        for library, python in (("seqio", SEQIO), ("evalkit", sys.executable))
    }
    errors = {library: process.communicate()[1] for library, process in processes.items()}
    if "google-crc32c" in errors["seqio"]:
        pytest.skip("seqio's Beam writes no TFRecords without google-crc32c: install it there")
    for library, process in processes.items():
        assert process.returncode == 0, f"{library}: {errors[library][-3000:]}"
    return {library: directory / library / task_folder(NAME) for library in processes}


def examples_in(folder, split):
    """All examples of a split, sorted, since seqio shuffles them."""
    paths = sorted(map(str, folder.glob(f"{split}.tfrecord-*")))
    protos = map(tf.train.Example.FromString, tf.data.TFRecordDataset(paths).as_numpy_iterator())
    return sorted(proto.SerializeToString(deterministic=True) for proto in protos)


@pytest.mark.parametrize("split", ["train", "validation"])
def test_the_same_examples(folders, split):
    ours, theirs = (examples_in(folders[library], split) for library in ("evalkit", "seqio"))
    assert len(ours) == 40
    assert ours == theirs


def test_the_same_files(folders):
    names = {library: {path.name for path in folder.iterdir()} for library, folder in folders.items()}
    assert names["evalkit"] - names["seqio"] == {"manifest.train.json", "manifest.validation.json"}
    assert names["seqio"] <= names["evalkit"]


@pytest.mark.parametrize("split", ["train", "validation"])
def test_the_same_descriptions(folders, split):
    ours, theirs = (json.loads((folders[library] / f"info.{split}.json").read_text()) for library in folders)
    both = sorted([ours, theirs], key=len)
    assert set(both[1]) - set(both[0]) == {"evalkit_version"}
    assert {name: both[1][name] for name in both[0]} == both[0]


@pytest.mark.parametrize("split", ["train", "validation"])
def test_the_same_statistics(folders, split):
    ours, theirs = (
        json.loads((folders[library] / f"stats.{split}.json").read_text()) for library in ("evalkit", "seqio")
    )
    assert {name: ours[name] for name in theirs} == theirs
