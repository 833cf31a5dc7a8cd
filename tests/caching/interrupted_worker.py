"""Caches a task whenever it is asked to, each time in a process of its own; run by `test_interruption`.

Loading TensorFlow and Beam takes seconds, so it is done once: each line of standard input, a cache directory, forks off
a process that writes a cache there. Its id is the answer, and when it has ended, its status.
"""

from __future__ import annotations

import os
import sys
import time

import tensorflow as tf

from evalkit.caching import CacheSettings, cache_tasks
from evalkit.caching.pipeline import LOCAL_RUNNER
from evalkit.data import CacheDatasetPlaceholder, Feature, Task, TaskRegistry, TextLineDataSource
from evalkit.preprocessors import tokenize
from evalkit.transforms import map_over_dataset
from evalkit.vocabularies import ByteVocabulary

PIECES = 4
SECONDS_PER_PIECE = 0.05


@map_over_dataset(num_seeds=1)
def draw(line, seed):
    """A random feature, so that a piece that is written twice must draw the same."""
    return {"inputs": line, "number": tf.random.stateless_uniform([3], seed)}


def slowly(dataset):
    """Takes its time before the first example, so that there is something to interrupt."""

    def wait(number):
        time.sleep(SECONDS_PER_PIECE)
        return number

    first = tf.data.Dataset.from_tensors(0).map(lambda number: tf.numpy_function(wait, [number], tf.int32))
    return first.flat_map(lambda _: dataset)


def register(source_folder: str) -> Task:
    """A task over `PIECES` files."""
    return TaskRegistry.add(
        "interrupted",
        source=TextLineDataSource({"train": f"{source_folder}/*.txt"}),
        preprocessors=[draw, tokenize, slowly, CacheDatasetPlaceholder()],
        output_features={"inputs": Feature(ByteVocabulary())},
    )


def main() -> None:
    """Answers requests until there are no more."""
    task = register(sys.argv[1])
    say("ready", LOCAL_RUNNER)
    for line in sys.stdin:
        child = os.fork()
        if not child:
            [outcome] = cache_tasks([task], line.strip(), settings=CacheSettings(min_files=2 * PIECES))
            os._exit(1 if outcome.error else 0)
        say(child)
        say(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))


def say(*words: object) -> None:
    """Writes a line that the test reads at once."""
    sys.stdout.write(" ".join(map(str, words)) + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main()
