"""The room is light, since pytest loads it at every start; each of its names is there when it is asked for."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

import evalkit
from evalkit import testing

LIGHT = """
import sys, evalkit.testing.pytest_plugin
print(sorted({"tensorflow", "jax", "numpy", "absl", "evalkit.data"} & set(sys.modules)))
"""


def test_the_plugin_imports_nothing_heavy(tmp_path):
    done = subprocess.run([sys.executable, "-c", LIGHT], capture_output=True, text=True, cwd=tmp_path, check=True)
    assert done.stdout.strip() == "[]"


def test_every_name_is_served():
    tree = ast.parse(Path(testing.__file__).read_text(encoding="utf-8"))
    [typed] = [node for node in tree.body if isinstance(node, ast.If)]
    names = {alias.asname for node in typed.body for alias in node.names}  # type: ignore[attr-defined]
    assert names <= set(dir(testing))
    for name in names:
        assert getattr(testing, name).__name__ == name
    assert evalkit.testing is testing


def test_an_unknown_name():
    with pytest.raises(AttributeError, match=r"module 'evalkit\.testing' has no attribute 'run_tasks'"):
        _ = testing.run_tasks
