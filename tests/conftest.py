"""What holds for every test: quiet TensorFlow, strict JAX on the CPU, and no task left behind in the registries."""

from __future__ import annotations

import os
import sys

import pytest

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("JAX_PLATFORMS", "cpu")
os.environ.setdefault("JAX_NUMPY_RANK_PROMOTION", "raise")  # broadcasting is written out, never guessed
os.environ.setdefault("JAX_NUMPY_DTYPE_PROMOTION", "strict")  # the same for dtypes


def _registries() -> list:
    """The registries, if anything has loaded them; a test that needs none does not pay for TensorFlow."""
    module = sys.modules.get("evalkit.data.registry")
    return [module.TaskRegistry, module.MixtureRegistry] if module else []


@pytest.fixture(autouse=True)
def registries_as_found():
    """Removes what a test registered; what test modules register when they are imported stays."""
    before = {registry: set(registry.names()) for registry in _registries()}
    yield
    for registry in _registries():
        for name in set(registry.names()) - before.get(registry, set()):
            registry.remove(name)
