"""What holds for every test: quiet TensorFlow, strict JAX on the CPU, and no task left behind in the registries."""

from __future__ import annotations

import os
import sys

import pytest

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("JAX_PLATFORMS", "cpu")
os.environ.setdefault("XLA_FLAGS", "--xla_backend_optimization_level=0 --xla_llvm_disable_expensive_passes=true")
os.environ.setdefault("JAX_NUMPY_RANK_PROMOTION", "raise")  # broadcasting is written out, never guessed


@pytest.fixture(autouse=True)
def registries_as_found():
    """Forgets what a test registered; what test modules register when they are imported stays."""
    registry = sys.modules.get("evalkit.data.registry")
    if registry:
        with registry.scoped_registries():
            yield
    else:  # a test that needs no registry does not pay for TensorFlow
        yield
        if registry := sys.modules.get("evalkit.data.registry"):
            registry.TaskRegistry.reset()
            registry.MixtureRegistry.reset()
