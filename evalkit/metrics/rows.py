"""Model outputs as rows: an output per example, whatever it is made of, cut, ordered and joined row by row.

A model output is an array whose first dimension is the examples, a list with one entry per example (ragged outputs,
strings), a `Ragged`, or a tuple or mapping of these whose rows belong together: `(tokens, {"scores": […]})`. The
functions here treat them alike, so padding and sharding are handled once, for every kind of output.

    >>> outputs = ([[5, 6], [7]], {"scores": np.array([-0.5, -0.25])})
    >>> take_rows(outputs, np.array([1, 0]))
    ([[7], [5, 6]], {'scores': array([-0.25, -0.5 ])})
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from evalkit import errors
from evalkit.columns import Array, Ragged, offsets


def count_rows(model_output: Any) -> int:
    """How many rows there are.

    Raises:
      MetricError: a part of the output has no rows, or parts of it differ in their number.
    """
    counts = {path: _rows_of(leaf, path) for path, leaf in _leaves(model_output, "model_output")}
    if len(set(counts.values())) != 1:
        found = ", ".join(f"{path} has {count}" for path, count in counts.items())
        raise errors.MetricError(f"Every part of a model output must have one row per example; {found}.")
    return next(iter(counts.values()))


def take_rows(model_output: Any, rows: Array) -> Any:
    """The rows with these positions (int `[n]`), in this order; of the same make as `model_output`."""
    return _map_leaves(lambda leaf: _take(leaf, rows), model_output)


def concatenate_rows(outputs: Sequence[Any]) -> Any:
    """The rows of all outputs (at least one, all of one make), one after the other, each copied once.

    Arrays whose rows differ in shape, such as batches that were padded to different lengths, become a list of rows.

    Raises:
      MetricError: the outputs are not of one make.
    """
    first = outputs[0]
    if _is_tuple(first):
        _check_make(outputs, lambda x: _is_tuple(x) and len(x) == len(first))
        return tuple(concatenate_rows(parts) for parts in zip(*outputs, strict=True))
    if isinstance(first, Mapping):
        _check_make(outputs, lambda x: isinstance(x, Mapping) and x.keys() == first.keys())
        return {name: concatenate_rows([output[name] for output in outputs]) for name in first}
    _check_make(outputs, lambda x: not _is_tuple(x) and not isinstance(x, Mapping))
    return _concatenate_leaves(outputs)


def on_host(model_output: Any) -> Any:
    """The same rows with every array of another library (a device's, say) copied into numpy."""
    return _map_leaves(lambda leaf: np.asarray(leaf) if _is_array(leaf) else leaf, model_output)


def _is_tuple(node: Any) -> bool:
    return isinstance(node, tuple) and not isinstance(node, Ragged)


def _is_array(leaf: Any) -> bool:
    return hasattr(leaf, "__array__") and hasattr(leaf, "shape")


def _leaves(node: Any, path: str) -> Iterator[tuple[str, Any]]:
    if _is_tuple(node):
        for i, child in enumerate(node):
            yield from _leaves(child, f"{path}[{i}]")
    elif isinstance(node, Mapping):
        for name, child in node.items():
            yield from _leaves(child, f"{path}[{name!r}]")
    else:
        yield path, node


def _map_leaves(fn: Callable[[Any], Any], node: Any) -> Any:
    if _is_tuple(node):
        return tuple(_map_leaves(fn, child) for child in node)
    if isinstance(node, Mapping):
        return {name: _map_leaves(fn, child) for name, child in node.items()}
    return fn(node)


def _rows_of(leaf: Any, path: str) -> int:
    if isinstance(leaf, Ragged):
        return leaf.num_rows
    try:
        return len(leaf)
    except TypeError as e:
        raise errors.MetricError(f"{path} must have one row per example; found {leaf!r}.") from e


def _check_make(outputs: Sequence[Any], fits: Callable[[Any], bool]) -> None:
    for i, output in enumerate(outputs):
        if not fits(output):
            raise errors.MetricError(
                f"Model outputs of different make cannot be joined: the first is {_make(outputs[0])}, number {i} is "
                f"{_make(output)}."
            )


def _make(node: Any) -> str:
    if _is_tuple(node):
        return f"a tuple of {len(node)}"
    return f"a mapping of {sorted(node)}" if isinstance(node, Mapping) else f"rows ({type(node).__name__})"


def _take(leaf: Any, rows: Array) -> Any:
    if isinstance(leaf, Ragged):
        lengths = leaf.lengths[rows]
        splits = offsets(lengths)
        sources = np.arange(splits[-1]) + np.repeat(leaf.splits[:-1][rows] - splits[:-1], lengths)
        return Ragged(leaf.values[sources], splits)
    return np.asarray(leaf)[rows] if _is_array(leaf) else [leaf[i] for i in rows.tolist()]


def _concatenate_leaves(leaves: Sequence[Any]) -> Any:
    if all(isinstance(leaf, Ragged) for leaf in leaves):
        lengths = np.concatenate([leaf.lengths for leaf in leaves])
        return Ragged(
            np.concatenate([leaf.values[leaf.splits[0] : leaf.splits[-1]] for leaf in leaves]), offsets(lengths)
        )
    if all(_is_array(leaf) for leaf in leaves) and len({leaf.shape[1:] for leaf in leaves}) == 1:
        return np.concatenate([np.asarray(leaf) for leaf in leaves])
    return [row for leaf in leaves for row in _rows(leaf)]


def _rows(leaf: Any) -> Sequence[Any]:
    return [leaf.row(i) for i in range(leaf.num_rows)] if isinstance(leaf, Ragged) else leaf
