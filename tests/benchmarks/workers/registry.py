"""Registering thousands of tasks, as modules do when they are imported, and resolving a mixture nested over many.

Neither depends on the number of examples: nothing is read. Python's garbage collector runs just before, since it would
be chance otherwise whether its next pass over all that TensorFlow's import made falls into the measurement.
"""

from __future__ import annotations

import functools
from types import ModuleType

from tests.benchmarks import measure, subject

TASKS = 10_000
MIXTURES, TASKS_EACH = 50, 40


def main() -> None:
    asked = measure.request()
    lib = subject.load(asked["subject"])
    registering = measure.median_cpu(lambda: register(lib), times=1)
    inner = [nested(lib, number) for number in range(MIXTURES)]
    outer = lib.MixtureRegistry.add("outer", [(mixture, 2.0) for mixture in inner])
    with measure.Stopwatch() as resolving:
        total = sum(outer.get_rate(task) for task in outer.tasks)
    if round(total, 6) != round(outer.total_rate, 6):
        raise RuntimeError(f"The rates add up to {total}, not to {outer.total_rate}.")
    measure.reply({"register": registering, "resolve": resolving.cpu})


def register(lib: ModuleType) -> None:
    """Tasks as task modules have them: each with a source, a partial, a cache placeholder, two metrics."""
    feature = lib.Feature(lib.ByteVocabulary())
    for number in range(TASKS):
        lib.TaskRegistry.add(
            f"task_{number}",
            source=lib.FunctionDataSource(dataset_fn, splits=["train", "test"]),
            preprocessors=[
                functools.partial(lib.preprocessors.rekey, key_map={"inputs": "question", "targets": "answer"}),
                lib.preprocessors.tokenize,
                lib.CacheDatasetPlaceholder(),
                lib.preprocessors.append_eos,
            ],
            output_features={"inputs": feature, "targets": feature},
            postprocess_fn=subject.final_answer,
            metric_fns=list(subject.METRICS[:2]),
        )


def nested(lib: ModuleType, number: int) -> str:
    """The name of a mixture of tasks that no other has, with rates of their own."""
    name, first = f"inner_{number}", number * TASKS_EACH
    lib.MixtureRegistry.add(name, [(f"task_{first + i}", i + 1) for i in range(TASKS_EACH)])
    return name


def dataset_fn(split: str, shuffle_files: bool = False, seed: int | None = None) -> None:
    """A source that nobody reads."""
    raise NotImplementedError


if __name__ == "__main__":
    main()
