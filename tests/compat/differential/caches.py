"""A task that can be cached, and reading its cache; runs in both interpreters."""

from __future__ import annotations

from pathlib import Path
from types import ModuleType
from typing import Any

import tensorflow as tf

from tests.compat.exact import outcome

NAME = "cached"
ROWS = [{"inputs": f"question {number}", "targets": "an answer " * number} for number in range(20)]


def run(lib: ModuleType, case: dict[str, Any], folder: Path) -> dict[str, Any]:
    """The examples in the cache under `case["directory"]`, of the task as `case["added"]` defines it."""
    del folder
    lib.TaskRegistry.reset()
    lib.set_global_cache_dirs([case["directory"]])
    register(lib, case["added"])
    task = lib.TaskRegistry.get(NAME)
    return outcome(lambda: task.get_dataset(split="train", use_cached=True, shuffle=False))


def register(lib: ModuleType, added: int = 0) -> None:
    """Registers the task; `added` is a detail of a preprocessor before the cache."""

    def dataset_fn(split: str, shuffle_files: bool, seed: int | None = None) -> tf.data.Dataset:
        del split, shuffle_files, seed
        return tf.data.Dataset.from_tensor_slices({name: [row[name] for row in ROWS] for name in ROWS[0]})

    @lib.map_over_dataset
    def with_shapes(example: Any) -> Any:
        """A feature of every shape that a cache may hold."""
        ids = example["targets"] + added
        return example | {
            "targets": ids,
            "matrix": tf.stack([ids, 2 * ids], axis=1),
            "spans": tf.RaggedTensor.from_row_lengths(ids, [1, tf.size(ids) - 1]),
            "score": tf.cast(tf.size(ids), tf.float32) / 3,
        }

    feature = lib.Feature(lib.ByteVocabulary())
    lib.TaskRegistry.add(
        NAME,
        source=lib.FunctionDataSource(dataset_fn, splits=["train"]),
        preprocessors=[
            lib.preprocessors.tokenize_and_append_eos,
            with_shapes,
            lib.CacheDatasetPlaceholder(),
            lib.preprocessors.append_eos,
        ],
        output_features={"inputs": feature, "targets": feature},
    )
