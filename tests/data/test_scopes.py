"""What a scope of the registries forgets, and what it must not: what only an import can bring, and brings once."""

from __future__ import annotations

import importlib
import itertools
import sys

import pytest

from evalkit.data import MixtureRegistry, TaskRegistry, scoped_registries

MODULE = """
from evalkit.data import MixtureRegistry, TaskRegistry
from evalkit.tasks import gsm8k

def register(name):
    return gsm8k.register(name)  # the line that calls the registry is one of a module imported long ago

register("imported_{number}")
MixtureRegistry.add("imported_mixture_{number}", ["imported_{number}"], default_rate=1)
{end}
"""
numbers = itertools.count()


@pytest.fixture
def write_module(tmp_path, monkeypatch):
    """Writes a module that registers a task and a mixture; gives its name and that of the task."""
    monkeypatch.syspath_prepend(tmp_path)

    def write(end=""):
        number = next(numbers)
        name = f"module_of_tasks_{number}"
        (tmp_path / f"{name}.py").write_text(MODULE.format(number=number, end=end))
        written.append(name)
        return name, f"imported_{number}"

    written: list[str] = []
    yield write
    for name in written:
        sys.modules.pop(name, None)


def test_what_a_first_import_registers_stays(write_module):
    module, task = write_module()
    with scoped_registries():
        importlib.import_module(module)
    assert task in TaskRegistry.names()
    assert task.replace("imported", "imported_mixture") in MixtureRegistry.names()


def test_what_the_imported_module_is_asked_to_register_is_forgotten(write_module):
    module, _ = write_module()
    with scoped_registries():
        importlib.import_module(module).register("asked_for")
    assert "asked_for" not in TaskRegistry.names()


def test_what_an_import_before_the_scope_registered_is_as_it_was(write_module):
    module, task = write_module()
    register = importlib.import_module(module).register
    before = TaskRegistry.get(task)
    with scoped_registries():
        TaskRegistry.remove(task)
        assert register(task) is not before
    assert TaskRegistry.get(task) is before


def test_an_import_that_failed_leaves_nothing(write_module):
    module, task = write_module(end="raise ValueError")
    with scoped_registries(), pytest.raises(ValueError):
        importlib.import_module(module)
    assert task not in TaskRegistry.names()


def test_an_import_that_was_undone_leaves_nothing(write_module):
    module, task = write_module()
    with scoped_registries():
        importlib.import_module(module)
        del sys.modules[module]
    assert task not in TaskRegistry.names()


def test_an_inner_scope_keeps_it_for_the_outer(write_module):
    module, task = write_module()
    with scoped_registries():
        with scoped_registries():
            importlib.import_module(module)
        TaskRegistry.remove("imported")
    assert task in TaskRegistry.names()


def test_what_exec_runs_is_no_import():
    with scoped_registries():
        exec("from evalkit.tasks import gsm8k; gsm8k.register('of_exec')", {})
        assert "of_exec" in TaskRegistry.names()
    assert "of_exec" not in TaskRegistry.names()
