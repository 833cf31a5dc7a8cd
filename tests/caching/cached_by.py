"""Caches a task with one library; runs in both interpreters.

python -m tests.caching.cached_by seqio SOURCE_FOLDER OUTPUT_DIR SEED
"""

from __future__ import annotations

import importlib
import sys
from typing import Any

import tensorflow as tf

NAME = "compared:lines"


def register(lib: Any, source: str) -> Any:
    """A task over several files, with random numbers and a feature of every kind that both libraries can store."""

    @lib.map_over_dataset(num_seeds=1)
    def features(line: Any, seed: Any) -> dict[str, Any]:
        number = tf.strings.to_number(line, tf.int32)
        return {
            "inputs": tf.strings.join(["number ", line]),
            "targets": line,
            "random": tf.random.stateless_uniform([2], seed),
            "flag": number > 5,
            "long": tf.cast(number, tf.int64)[None],
            "words": tf.strings.split(line, "1"),
            "matrix": tf.fill([number % 3, 2], number),
            "ragged": tf.RaggedTensor.from_row_lengths(tf.range(number), [number, 0]),
        }

    feature = lib.Feature(lib.ByteVocabulary())
    return lib.TaskRegistry.add(
        NAME,
        source=lib.TextLineDataSource({"train": f"{source}/train-*.txt", "validation": f"{source}/validation-*.txt"}),
        preprocessors=[
            features,
            lib.preprocessors.tokenize,
            lib.preprocessors.append_eos,
            lib.CacheDatasetPlaceholder(),
        ],
        output_features={"inputs": feature, "targets": feature},
    )


def cache_with_seqio(output_dir: str, seed: int) -> None:
    """What seqio's command does."""
    command = importlib.import_module("seqio.scripts.cache_tasks_main")
    options = "--pipeline_options=--runner=FnApiRunner"
    command.FLAGS(["cache", f"--tasks={NAME}", f"--output_cache_dir={output_dir}", f"--base_seed={seed}", options])
    command.main([])


def cache_with_evalkit(task: Any, output_dir: str, seed: int) -> None:
    """What evalkit's command does."""
    caching = importlib.import_module("evalkit.caching")
    caching.cache_tasks([task], output_dir, settings=caching.CacheSettings(seed=seed))


def main(library: str, source: str, output_dir: str, seed: str) -> None:
    if library == "seqio":
        register(importlib.import_module("seqio"), source)
        cache_with_seqio(output_dir, int(seed))
    else:
        task = register(importlib.import_module("evalkit.compat.seqio"), source)
        cache_with_evalkit(task, output_dir, int(seed))


if __name__ == "__main__":
    main(*sys.argv[1:])
