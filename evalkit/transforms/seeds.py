"""Random preprocessing that comes out the same every time.

A random map needs fresh randomness for every example and the same randomness in every run. `map_over_dataset` gives
each call of a random map its own datasets of seeds, zipped with the examples; `map_seed_manager` fixes the number from
which they are counted. Each seed is a pair, and each of its two numbers comes from `tf.data.Dataset.random`, seeded
with the next integer: the first random map under `map_seed_manager(7)` draws from streams 7 and 8, the next from 9 and
10. This is seqio's numbering (`seqio/utils.py`, 0.0.20), so a task moved from there sees the same randomness.

The count belongs to the current context (`contextvars`): threads that build pipelines at the same time do not disturb
each other, and whatever happens inside a `map_seed_manager` block, the count outside is as it was before.
"""

from __future__ import annotations

import contextlib
import contextvars
import functools
import itertools
from collections.abc import Callable, Iterator
from typing import Any, overload

import tensorflow as tf

from evalkit.errors import ArgumentError

_Map = Callable[..., Any]
_Decorator = Callable[[_Map], Callable[..., tf.data.Dataset]]

_streams: contextvars.ContextVar[Iterator[int] | None] = contextvars.ContextVar("evalkit_seed_streams", default=None)


@contextlib.contextmanager
def map_seed_manager(initial_seed: int | None = None) -> Iterator[None]:
    """Within the block, random maps are seeded from `initial_seed` on; with None, they differ from run to run.

    Blocks nest: the inner one counts for itself, and the outer one goes on where it was. It matters while a pipeline
    is built, not while it is read.
    """
    token = _streams.set(None if initial_seed is None else itertools.count(int(initial_seed)))
    try:
        yield
    finally:
        _streams.reset(token)


@overload
def map_over_dataset(
    fn: _Map, *, num_seeds: int | None = ..., num_parallel_calls: int | None = ...
) -> Callable[..., tf.data.Dataset]: ...


@overload
def map_over_dataset(
    fn: None = ..., *, num_seeds: int | None = ..., num_parallel_calls: int | None = ...
) -> _Decorator: ...


def map_over_dataset(
    fn: _Map | None = None, *, num_seeds: int | None = None, num_parallel_calls: int | None = tf.data.AUTOTUNE
) -> Callable[..., tf.data.Dataset] | _Decorator:
    """Turns a function of one example into a transform of a dataset; a decorator, with or without arguments.

    Positional and keyword arguments given to the transform after the dataset go to `fn` after the example.

    Args:
      fn: `fn(example, ...)`, traced into a graph.
      num_seeds: how many seeds each example needs. 1: `fn` gets the keyword `seed`, a pair of int64 scalars. More: it
        gets `seeds`, a tuple of so many pairs. None: it gets neither.
      num_parallel_calls: as in `tf.data.Dataset.map`.

    Raises:
      ArgumentError: `num_seeds` is less than 1.

    Example:
      >>> @map_over_dataset
      ... def add(example, amount):
      ...     return example + amount
      >>> list(add(tf.data.Dataset.range(3), amount=10).as_numpy_iterator())
      [np.int64(10), np.int64(11), np.int64(12)]
    """
    if num_seeds is not None and num_seeds < 1:
        raise ArgumentError(f"map_over_dataset got num_seeds={num_seeds}; expected at least 1, or None for no seeds.")

    def decorate(function: _Map) -> Callable[..., tf.data.Dataset]:
        @functools.wraps(function)  # keeps the signature, by which a task knows what to pass
        def transform(dataset: tf.data.Dataset, *args: Any, **kwargs: Any) -> tf.data.Dataset:
            if num_seeds is None:
                return dataset.map(lambda example: function(example, *args, **kwargs), num_parallel_calls)
            seeded = tf.data.Dataset.zip((dataset, _seed_datasets(num_seeds)))
            return seeded.map(
                lambda example, seeds: function(example, *args, **_seed_keyword(seeds), **kwargs), num_parallel_calls
            )

        return transform

    return decorate if fn is None else decorate(fn)


def stateless_shuffle(value: tf.Tensor, seed: Any) -> tf.Tensor:
    """A permutation of all elements of `value` (any shape, which is kept), determined by `seed`, a pair of integers.

    Elements are ordered by one `tf.random.stateless_uniform` float each, as in seqio, so the same seed gives its order.
    """
    flat = tf.reshape(value, [-1])
    order = tf.argsort(tf.random.stateless_uniform(tf.shape(flat), seed=seed))
    return tf.reshape(tf.gather(flat, order), tf.shape(value))


def _seed_keyword(seeds: tuple[Any, ...]) -> dict[str, Any]:
    return {"seed": seeds[0]} if len(seeds) == 1 else {"seeds": seeds}


def _seed_datasets(num_seeds: int) -> tuple[tuple[tf.data.Dataset, tf.data.Dataset], ...]:
    """`num_seeds` pairs of endless datasets of random int64, from the next streams of the current context."""
    streams = _streams.get()

    def stream() -> tf.data.Dataset:
        return tf.data.Dataset.random(None if streams is None else next(streams))

    return tuple((stream(), stream()) for _ in range(num_seeds))
