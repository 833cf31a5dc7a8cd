"""`install()`, each time in a process of its own: what it does to `sys.modules` would outlive a test."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
INSTALL = "import evalkit.compat.seqio; evalkit.compat.seqio.install()\n"


def run(code: str, cwd: Path = ROOT) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    return subprocess.run([sys.executable, "-c", code], cwd=cwd, env=environment, capture_output=True, text=True)


@pytest.mark.parametrize(
    "imports",
    [
        "import seqio; assert seqio.Task is evalkit.data.Task",
        "import seqio.dataset_providers; assert seqio.dataset_providers.Task is evalkit.data.Task",
        "from seqio import utils; assert utils.map_over_dataset is evalkit.transforms.map_over_dataset",
        "from seqio.utils import trim_dataset; assert trim_dataset is evalkit.transforms.trim_dataset",
        "from seqio import Evaluator, metrics; assert Evaluator is evalkit.evaluation.Evaluator",
    ],
)
def test_a_library_that_imports_seqio_gets_evalkit(imports):
    result = run(INSTALL + "import evalkit.data, evalkit.transforms, evalkit.evaluation\n" + imports)
    assert result.returncode == 0, result.stderr


def test_installing_twice_is_fine():
    result = run(INSTALL + INSTALL)
    assert result.returncode == 0, result.stderr


def test_it_refuses_when_seqio_is_imported_already(tmp_path):
    (tmp_path / "seqio.py").write_text("Task = None\n")
    result = run(f"import sys; sys.path.insert(0, {str(tmp_path)!r}); import seqio\n" + INSTALL)
    assert result.returncode != 0
    assert "ArgumentError: seqio is imported already, from" in result.stderr
    assert str(tmp_path / "seqio.py") in result.stderr
    assert "before the first import of seqio" in result.stderr
