"""What runs of pytest within a test have in common."""

from __future__ import annotations

HEAD = """
import pytest
from evalkit.data import InMemoryDataSource, MixtureRegistry, TaskRegistry

def add(name):
    return TaskRegistry.add(name, source=InMemoryDataSource({"test": []}), output_features={})

def names():
    return {name for name in TaskRegistry.names() if name.startswith("inner")}
"""
OPTIONS = ("-p", "no:cacheprovider", "-p", "no:hypothesispytest")  # which each run would import anew
