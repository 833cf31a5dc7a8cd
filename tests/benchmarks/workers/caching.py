"""CPU and wall of caching a task offline: `seqio_cache_tasks` beside `evalkit cache`, both inside this process.

Both run on Beam's FnApiRunner, seqio because its default looks for a runner to download first. A small task is cached
before, so that the figure has no start-up in it.
"""

from __future__ import annotations

import importlib
import tempfile
from pathlib import Path
from types import ModuleType
from typing import Any

from tests.benchmarks import measure, subject


def main() -> None:
    asked = measure.request()
    lib = subject.load(asked["subject"])
    with tempfile.TemporaryDirectory(prefix="evalkit-bench-") as directory:
        cached(lib, asked, directory, "warm_up", 16)
        watch = cached(lib, asked, directory, subject.TASK, asked["examples"])
        lib.set_global_cache_dirs([directory])
        stats = lib.TaskRegistry.get(subject.TASK).get_cached_stats(subject.SPLIT)
    if stats["examples"] != asked["examples"]:
        raise RuntimeError(f"The cache has {stats['examples']} examples.")
    measure.reply({"cpu": watch.cpu, "wall": watch.wall})


def cached(lib: ModuleType, asked: dict[str, Any], directory: str, name: str, examples: int) -> measure.Stopwatch:
    """Registers a task and caches it."""
    folder: Path = asked["folder"]
    task = subject.register(lib, folder, examples, name=name, more_preprocessors=[lib.CacheDatasetPlaceholder()])
    with measure.Stopwatch() as watch:
        WRITERS[asked["subject"]](task, directory)
    return watch


def with_seqio(task: Any, directory: str) -> None:
    command = importlib.import_module("seqio.scripts.cache_tasks_main")
    options = "--pipeline_options=--runner=FnApiRunner"
    command.FLAGS(["cache", f"--tasks={task.name}", f"--output_cache_dir={directory}", options])
    command.main([])


def with_evalkit(task: Any, directory: str) -> None:
    [outcome] = importlib.import_module("evalkit.caching").cache_tasks([task], directory)
    if outcome.error:
        raise outcome.error


WRITERS = {"seqio": with_seqio, "evalkit": with_evalkit}

if __name__ == "__main__":
    main()
