"""Tasks that can be cached, and the directory that their caches are written to."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import tensorflow as tf

from evalkit import preprocessors
from evalkit.caching import SplitOutcome, cache_tasks
from evalkit.data import (
    CacheDatasetPlaceholder,
    DataSource,
    Feature,
    InMemoryDataSource,
    Task,
    TaskRegistry,
    TextLineDataSource,
    set_global_cache_dirs,
)
from evalkit.vocabularies import ByteVocabulary

FEATURES = {name: Feature(ByteVocabulary()) for name in ("inputs", "targets")}


def split_line(dataset: Any) -> Any:
    """`question|answer` to inputs and targets."""

    def split(line: Any) -> dict[str, Any]:
        parts = tf.strings.split(line, "|")
        return {"inputs": parts[0], "targets": parts[1]}

    return dataset.map(split)


STEPS = [split_line, preprocessors.tokenize, preprocessors.append_eos]


class NoShards(DataSource):
    """A source that has nothing to read."""

    supports_arbitrary_sharding = False

    def list_shards(self, split: str) -> list[str]:
        return []

    def get_dataset(self, split: str, shuffle: bool = True, seed: Any = None, shard_info: Any = None) -> Any:
        raise NotImplementedError


@pytest.fixture(autouse=True)
def output_dir(tmp_path: Path) -> Iterator[str]:
    """A cache directory, which is searched for caches."""
    directory = str(tmp_path / "caches")
    set_global_cache_dirs([directory])
    yield directory
    set_global_cache_dirs([])


@pytest.fixture
def make_task(tmp_path: Path) -> Callable[..., Task]:
    """`make_task(steps=…, files=3)` registers a task over text files, in which row `i` is `question i|answer i`."""

    def make(
        name: str = "lines",
        steps: Any = None,
        files: int = 1,
        rows: int = 10,
        splits: Any = ("train",),
        **changes: Any,
    ) -> Task:
        for file in range(files):
            text = "".join(f"question {row}|answer {row}\n" for row in range(file, rows, files))
            path = tmp_path / f"{name}-{file}.txt"
            if not path.exists() or path.read_text(encoding="utf-8") != text:  # the time of change is part of a source
                path.write_text(text, encoding="utf-8")
        patterns = {split: str(tmp_path / f"{name}-*.txt") for split in splits}
        arguments = {
            "source": TextLineDataSource(patterns),
            "preprocessors": [*(STEPS if steps is None else steps), CacheDatasetPlaceholder()],
            "output_features": FEATURES,
            **changes,
        }
        return TaskRegistry.add(name, override=True, **arguments)

    return make


@pytest.fixture
def make_task_of() -> Callable[..., Task]:
    """`make_task_of({"x": [1, 2]})` registers a task over one split, "train", of these columns."""

    def make(columns: Any, name: str = "columns", output_features: Any = None, **changes: Any) -> Task:
        arguments = {
            "source": InMemoryDataSource({"train": columns}),
            "preprocessors": [CacheDatasetPlaceholder()],
            "output_features": output_features or {},
            **changes,
        }
        return TaskRegistry.add(name, override=True, **arguments)

    return make


@pytest.fixture
def write_caches(output_dir: str) -> Callable[..., dict[str, SplitOutcome]]:
    """`write_caches(task)` gives what became of each split, and raises what went wrong with one."""

    def write(*tasks: Task, **arguments: Any) -> dict[str, str]:
        outcomes = cache_tasks(tasks, output_dir, **arguments)
        for outcome in outcomes:
            if outcome.error is not None:
                raise outcome.error
        return {outcome.plan.split: outcome.state for outcome in outcomes}

    return write


def files_in(folder: str | Path) -> dict[str, bytes]:
    """Every file below `folder`, by its path there."""
    return {str(path.relative_to(folder)): path.read_bytes() for path in Path(folder).rglob("*") if path.is_file()}


@pytest.fixture(scope="session")
def contents() -> Callable[[str | Path], dict[str, bytes]]:
    """`contents(folder)` is every file below it, by its path there."""
    return files_in
