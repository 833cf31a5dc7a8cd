"""Applies the preprocessors of a case to its examples; runs in both interpreters."""

from __future__ import annotations

from pathlib import Path
from types import ModuleType
from typing import Any

import tensorflow as tf

from tests.compat.differential.material import features, step
from tests.compat.exact import dataset_of, outcome


def run(lib: ModuleType, case: dict[str, Any], folder: Path) -> dict[str, Any]:
    """The examples."""
    offered = {"sequence_length": case["sequence_length"], "output_features": features(lib, case["features"], folder)}

    def preprocess() -> tf.data.Dataset:
        dataset = dataset_of(case["columns"])
        with lib.map_seed_manager(case["seed"]):
            for name, arguments in case["steps"]:
                dataset = lib.utils.add_kwargs_to_transform(step(lib, name, arguments), **offered)(dataset)
        return dataset

    return outcome(preprocess)
