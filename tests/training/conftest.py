"""Checkpoints that the tests of sweeps share."""

from __future__ import annotations

import shutil

import pytest

from tests.training.bigrams import save


@pytest.fixture(scope="module")
def checkpoints(tmp_path_factory):
    return save(tmp_path_factory.mktemp("run") / "checkpoints", 0, 50, 100)


@pytest.fixture
def copied(checkpoints, tmp_path):
    return shutil.copytree(checkpoints, tmp_path / "copied")
