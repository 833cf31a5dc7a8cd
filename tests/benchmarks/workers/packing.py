"""CPU of packing short examples: encoder-decoder features, converted with `pack=True` and read to the end.

The examples are variable-length tensors, as preprocessors give them, and are in memory (`Dataset.cache`, filled
beforehand), so that the figure is that of packing and not of making them.
"""

from __future__ import annotations

from types import ModuleType
from typing import Any

import numpy as np
import tensorflow as tf

from tests.benchmarks import measure, subject

EXAMPLES = 100_000
LENGTHS = {"inputs": 512, "targets": 512}
SHORTEST, LONGEST = 4, 60


def main() -> None:
    asked = measure.request()
    lib = subject.load(asked["subject"])
    examples = in_memory()
    rows = converted(lib, examples)
    tokens = num_tokens(rows)  # also traces what is to be measured
    if tokens != sum(lengths.sum() for lengths in lengths_of_examples().values()):
        raise RuntimeError(f"{tokens} tokens are in the rows, not those of the examples.")
    seconds = measure.median_cpu(lambda: read(converted(lib, examples)), asked["times"])
    measure.reply({"us": seconds / EXAMPLES * 1e6})


def lengths_of_examples() -> dict[str, Any]:
    rng = np.random.default_rng(0)
    return {name: rng.integers(SHORTEST, LONGEST + 1, EXAMPLES) for name in LENGTHS}


def in_memory() -> Any:
    """Examples of ids from 1 to 999."""
    rng = np.random.default_rng(1)
    columns = {
        name: tf.RaggedTensor.from_row_lengths(rng.integers(1, 1000, lengths.sum(), np.int32), lengths)
        for name, lengths in lengths_of_examples().items()
    }
    dataset = tf.data.Dataset.from_tensor_slices(columns)
    cached = dataset.map(lambda row: {name: tf.ensure_shape(ids, [None]) for name, ids in row.items()}).cache()
    read(cached)
    return cached


def converted(lib: ModuleType, dataset: Any) -> Any:
    return lib.EncDecFeatureConverter(pack=True)(dataset, LENGTHS).batch(64)


def read(dataset: Any) -> None:
    for _ in dataset.as_numpy_iterator():
        pass


def num_tokens(batches: Any) -> int:
    """How many tokens the rows hold, by their segment ids."""
    segments = ("encoder_segment_ids", "decoder_segment_ids")
    return sum(int((batch[name] > 0).sum()) for batch in batches.as_numpy_iterator() for name in segments)


if __name__ == "__main__":
    main()
