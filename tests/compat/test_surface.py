"""Every public name of seqio's is one of evalkit's under the same module, or is left out for a reason."""

from __future__ import annotations

import importlib
import json
import os
import subprocess

import pytest

from evalkit.compat import seqio
from tests.compat.surface import AT_TOP, LEFT_OUT, MODULES

SEQIO = os.environ.get("EVALKIT_SEQIO_PYTHON", "")
LIST_NAMES = """
import importlib, json, sys, types, typing
def is_public(name, value):
    imported = value is getattr(typing, name, None) or isinstance(value, types.ModuleType) or name == "annotations"
    return not name.startswith("_") and not imported
def names(module):
    return sorted(name for name, value in vars(importlib.import_module(module)).items() if is_public(name, value))
print("RESULT", json.dumps({module: names(module) for module in sys.argv[1:]}))
"""


def modules():
    return [pytest.param(name, names.split(), id=name) for name, names in MODULES.items()]


@pytest.mark.parametrize(("module", "names"), modules())
def test_names_are_there_or_left_out_for_a_reason(module, names):
    found = importlib.import_module(f"evalkit.compat.seqio.{module}")
    assert [name for name in names if name not in LEFT_OUT and not hasattr(found, name)] == []
    assert [name for name in LEFT_OUT if hasattr(found, name)] == []


def test_names_of_most_modules_are_at_the_top_too():
    names = {name: module for module in AT_TOP for name in MODULES[module].split() if name not in LEFT_OUT}
    for name, module in names.items():
        assert getattr(seqio, name) is getattr(getattr(seqio, module), name)
    assert seqio.Evaluator is seqio.evaluation.Evaluator
    assert seqio.__version__ == "0.0.20"


def test_a_name_without_a_counterpart_is_an_attribute_error():
    with pytest.raises(AttributeError, match="no attribute 'PyGloveTunableMixture': evalkit has no counterpart of it"):
        _ = seqio.PyGloveTunableMixture


def test_every_reason_is_of_a_public_name():
    assert set(LEFT_OUT) <= {name for names in MODULES.values() for name in names.split()}
    assert all(len(reason) > 20 for reason in LEFT_OUT.values())


@pytest.mark.skipif(not SEQIO, reason="EVALKIT_SEQIO_PYTHON names no interpreter that has seqio")
def test_the_names_are_those_of_seqio(tmp_path):
    command = [SEQIO, "-c", LIST_NAMES, "seqio", *(f"seqio.{module}" for module in MODULES)]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=True)
    [line] = [line for line in done.stdout.splitlines() if line.startswith("RESULT ")]
    found = json.loads(line.removeprefix("RESULT "))
    top = found.pop("seqio")
    assert found == {f"seqio.{module}": sorted(names.split()) for module, names in MODULES.items()}
    assert set(top) == {"Evaluator", *(name for module in AT_TOP for name in MODULES[module].split())}
