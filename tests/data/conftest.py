"""Small real tasks over a source of numbered rows, with pass-through vocabularies."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import tensorflow as tf

from evalkit.data import DataSource, Feature, Task
from evalkit.vocabularies import PassThroughVocabulary

FEATURES = {name: Feature(PassThroughVocabulary(100), add_eos=False) for name in ("inputs", "targets")}


class RowsSource(DataSource):
    """Rows in as many "files" as wanted, read one after the other; row `i` has inputs `[i]` and targets `[i, i, i]`."""

    def __init__(
        self,
        count: int = 10,
        num_files: int = 1,
        splits: tuple[str, ...] = ("train",),
        on_read: Callable[[int], int] | None = None,
        **kwargs: Any,
    ):
        super().__init__(splits, **kwargs)
        self.count, self.num_files, self.on_read = count, num_files, on_read

    @property
    def supports_arbitrary_sharding(self):
        return False

    def list_shards(self, split):
        return [f"{split}-{i}" for i in range(self.num_files)]

    def get_dataset(self, split, shuffle=True, seed=None, shard_info=None):
        files = tf.data.Dataset.range(self.num_files)
        if shard_info:
            files = files.shard(shard_info.num_shards, shard_info.index)
        if shuffle:
            files = files.shuffle(self.num_files, seed=seed)
        numbers = tf.data.Dataset.range(self.count, output_type=tf.int32)
        if self.num_files > 1:
            numbers = files.flat_map(lambda file: numbers.shard(self.num_files, file))
        if self.on_read:
            numbers = numbers.map(lambda i: tf.ensure_shape(tf.numpy_function(self.on_read, [i], tf.int32), []))
        return numbers.map(lambda i: {"inputs": tf.fill([1], i), "targets": tf.fill([3], i)})


def make_task_of_rows(name: str = "rows", count: int = 10, **kwargs: Any) -> Task:
    return Task(name, **{"source": RowsSource(count), "output_features": FEATURES, **kwargs})


def read_first_inputs(dataset: tf.data.Dataset) -> list[int]:
    """The number in `inputs` of each example, which says which row it is."""
    return [int(example["inputs"][0]) for example in dataset.as_numpy_iterator()]


@pytest.fixture(scope="session")
def features() -> dict[str, Feature]:
    return FEATURES


@pytest.fixture(scope="session")
def make_source() -> type[RowsSource]:
    return RowsSource


@pytest.fixture(scope="session")
def make_task() -> Callable[..., Task]:
    return make_task_of_rows


@pytest.fixture(scope="session")
def inputs_of() -> Callable[[tf.data.Dataset], list[int]]:
    return read_first_inputs
