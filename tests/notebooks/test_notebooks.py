"""Every notebook runs from its first cell to its last, in a kernel of its own, and is kept without what it printed."""

from __future__ import annotations

import os
import re
from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient

NOTEBOOKS = sorted((Path(__file__).parents[2] / "notebooks").glob("*.ipynb"))


def run(path: Path, folder: Path) -> str:
    """What the notebook prints."""
    notebook = nbformat.read(path, as_version=4)
    # Our tests' flags make compiling quick and running slow; a notebook trains a model.
    environment = {
        name: value for name, value in os.environ.items() if name not in ("XLA_FLAGS", "JAX_NUMPY_RANK_PROMOTION")
    }
    client = NotebookClient(notebook, timeout=300, resources={"metadata": {"path": str(folder)}})
    client.execute(env=environment)
    outputs = [output for cell in notebook.cells if cell.cell_type == "code" for output in cell.outputs]
    return "".join(output.get("text", "") for output in outputs if output.get("name") == "stdout")


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_outputs_are_stripped(path):
    cells = [cell for cell in nbformat.read(path, as_version=4).cells if cell.cell_type == "code"]
    assert cells
    assert not [cell.source for cell in cells if cell.outputs or cell.execution_count]


def test_a_trained_model_is_better_in_all_four_kinds(tmp_path):
    [path] = [path for path in NOTEBOOKS if path.stem == "four_kinds_of_evaluation"]
    printed = run(path, tmp_path)
    scores = {name: (float(a), float(b)) for name, a, b in re.findall(r"^(\w+) +([\d.]+) +([\d.]+)$", printed, re.M)}
    assert set(scores) == {"rollout", "encoding", "perplexity", "comparison"}
    assert all(after > before for before, after in scores.values())
    assert min(scores[name][1] for name in ("rollout", "encoding", "comparison")) > 0.9
    assert "compiled for the second evaluation: 0" in printed
    assert "done before: False\ndone after: True" in printed
    assert list(tmp_path.glob("results/step_00000500-*/results.json"))
