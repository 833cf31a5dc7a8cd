"""Converts the examples of a case; runs in both interpreters."""

from __future__ import annotations

from pathlib import Path
from types import ModuleType
from typing import Any

import tensorflow as tf

from tests.compat.exact import dataset_of, outcome


def run(lib: ModuleType, case: dict[str, Any], folder: Path) -> dict[str, Any]:
    """The model features, and how long the converter says that they are."""
    del folder
    specs = {
        name: lib.FeatureConverter.FeatureSpec(tf.as_dtype(dtype), rank=rank)
        for name, (dtype, rank) in case["passthrough"].items()
    }

    def convert() -> tf.data.Dataset:
        more = {"passthrough_features": specs} if specs else {}
        converter = getattr(lib, case["converter"])(**case["arguments"], **more)
        return converter(dataset_of(case["columns"]), case["lengths"])

    return outcome(convert)
