"""What a model function returned, put in order: every index exactly once, or an error that says which are not.

A model function gives pairs `(index, output)` in any order (several hosts each do a part), or `(pairs, auxiliary
values)` with the values aligned with the pairs. Negative indices are padding of the last batch and are dropped.

    >>> ordered_outputs("t", 2, [(1, [7, 7]), (0, [5]), (-1, [0])])
    ModelOutputs(outputs=[[5], [7, 7]], auxiliary=None)
    >>> ordered_outputs("t", 2, ([(1, "b"), (0, "a")], {"score": [0.1, 0.9]})).auxiliary
    {'score': [0.9, 0.1]}
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any, final

import numpy as np

from evalkit.columns import Array
from evalkit.errors import ModelOutputError

FEW = 5
"""How many indices an error lists."""


@final
@dataclasses.dataclass(frozen=True)
class ModelOutputs:
    """Outputs in the order of the examples.

    Attributes:
      outputs: one per example, the very objects that the model function gave.
      auxiliary: values by name, each a list with one per example (nested mappings and tuples keep their structure), or
        None where the model function gave pairs only.
    """

    outputs: list[Any]
    auxiliary: Any = None

    @property
    def raw(self) -> Any:
        """As `Evaluator.evaluate` returns it: the outputs, or `(outputs, auxiliary)`."""
        return self.outputs if self.auxiliary is None else (self.outputs, self.auxiliary)


def ordered_outputs(task_name: str, num_examples: int, result: Any) -> ModelOutputs:
    """Orders the `result` of a model function for the `num_examples` examples of a task.

    Args:
      task_name: for messages.
      num_examples: the indices must be 0 to `num_examples - 1`, in any order, and negative ones, which are dropped.
      result: an iterable of pairs, an array `[n, 2]`, or a tuple of such and a mapping of auxiliary values.

    Raises:
      ModelOutputError: an element is no pair, an index is no integer, indices are missing, duplicated or foreign, or
        auxiliary values are not as many as pairs.
    """
    pairs, auxiliary = result, None
    if isinstance(result, tuple) and len(result) == 2 and isinstance(result[1], Mapping):
        pairs, auxiliary = result
    indices, outputs = _unzip(task_name, pairs)
    _check_indices(task_name, num_examples, indices)
    order = np.argsort(indices, kind="stable")[len(indices) - num_examples :].tolist()
    ordered = [outputs[position] for position in order]
    if auxiliary is None:
        return ModelOutputs(ordered)
    return ModelOutputs(ordered, _permuted(auxiliary, order, len(indices), f"Task {task_name!r}: auxiliary value "))


def _unzip(task_name: str, pairs: Any) -> tuple[Array, list[Any]]:
    if pairs is None or isinstance(pairs, (str, bytes, Mapping)) or not hasattr(pairs, "__iter__"):
        raise ModelOutputError(
            f"Task {task_name!r}: the model function returned {type(pairs).__name__}; "
            "expected pairs (index, output), or (pairs, {name: values})."
        )
    rows = list(pairs)
    for position, row in enumerate(rows):
        if isinstance(row, (str, bytes)) or not hasattr(row, "__len__") or len(row) != 2:
            raise ModelOutputError(
                f"Task {task_name!r}: element {position} of what the model function returned is {_short(row)}; "
                "expected a pair (index, output)."
            )
    if not rows:
        return np.zeros(0, np.int64), []
    given, outputs = zip(*rows, strict=True)
    indices = np.asarray(given)
    if indices.ndim != 1 or not (indices.dtype.kind in "iu" or _whole(indices)):
        odd = next((index for index in given if not isinstance(index, (int, np.integer))), given[0])
        raise ModelOutputError(f"Task {task_name!r}: an index is {_short(odd)}; expected the integer of the dataset.")
    return indices.astype(np.int64), list(outputs)


def _whole(indices: Array) -> bool:
    """Whether floats are whole numbers: the indices of an array of pairs have the outputs' dtype."""
    return bool(indices.dtype.kind == "f" and (indices == np.floor(indices)).all())


def _check_indices(task_name: str, num_examples: int, indices: Array) -> None:
    real = indices[indices >= 0]
    foreign = np.unique(real[real >= num_examples])
    counts = np.bincount(real[real < num_examples], minlength=num_examples)
    problems = {
        "missing": np.flatnonzero(counts == 0),
        "duplicated": np.flatnonzero(counts > 1),
        "foreign": foreign,
    }
    found = [f"{len(which)} {problem} ({_first(which)})" for problem, which in problems.items() if len(which)]
    if found:
        raise ModelOutputError(
            f"Task {task_name!r}: the model function returned {len(real)} outputs for {num_examples} examples; of the "
            f"indices 0 to {num_examples - 1}, each once: {', '.join(found)}. Return each as the dataset gave it; "
            "mark padding by a negative index."
        )


def _first(which: Array) -> str:
    more = ", …" if len(which) > FEW else ""
    return ", ".join(map(str, which[:FEW].tolist())) + more


def _permuted(values: Any, order: list[int], expected: int, where: str) -> Any:
    """`values` with every list or array in it reordered."""
    if isinstance(values, Mapping):
        return {name: _permuted(part, order, expected, f"{where}{name}.") for name, part in values.items()}
    if isinstance(values, tuple) and all(_is_tree(part, expected) for part in values):
        return tuple(_permuted(part, order, expected, f"{where}{number}.") for number, part in enumerate(values))
    if not hasattr(values, "__len__") or len(values) != expected:
        found = f"{len(values)} values" if hasattr(values, "__len__") else f"a {type(values).__name__}"
        raise ModelOutputError(f"{where.removesuffix('.')} has {found} for {expected} pairs; expected one per pair.")
    return [values[position] for position in order]


def _is_tree(part: Any, expected: int) -> bool:
    """Whether an element of a tuple is structure or values of its own, and the tuple no values itself."""
    if isinstance(part, (Mapping, tuple)):
        return True
    return not isinstance(part, (str, bytes)) and hasattr(part, "__len__") and len(part) == expected


def _short(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 80 else f"{text[:77]}..."
