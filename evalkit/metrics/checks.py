"""What every ready-made metric checks before it counts: pairs that match in number, and numbers that are numbers.

An evaluation of nothing has no accuracy, and a NaN is no score: both are errors that say where, not a 0.0 or a NaN that
ends in somebody's table.

    >>> check_pairs("accuracy", ["a", "b"], ["a"])
    Traceback (most recent call last):
    ...
    evalkit.errors.MetricError: accuracy: 2 targets but 1 predictions; there must be one prediction per target.
"""

from __future__ import annotations

import numbers
from collections.abc import Mapping, Sequence, Sized
from typing import Any

import numpy as np

from evalkit import errors
from evalkit.columns import Array

Values = Sequence[Any] | Array


def check_pairs(metric: str, targets: Sized, predictions: Sized, noun: str = "prediction") -> int:
    """The number of examples.

    Raises:
      MetricError: the two differ in length, or there are none.
    """
    if len(targets) != len(predictions):
        raise errors.MetricError(
            f"{metric}: {len(targets)} targets but {len(predictions)} {noun}s; there must be one {noun} per target."
        )
    if not len(targets):
        raise errors.MetricError(
            f"{metric}: there are no examples, and an empty evaluation has no value. Is the split empty, or every "
            "example filtered out?"
        )
    return len(targets)


def check_texts(metric: str, texts: Values, noun: str = "prediction") -> None:
    """Checks that every element is a str.

    Raises:
      MetricError: one is not; the message says which.
    """
    if set(map(type, texts)) <= {str}:
        return
    for index, text in enumerate(texts):
        if not isinstance(text, str):
            raise errors.MetricError(f"{metric}: {noun} {index} must be a str, found {_shown(text)}.")


def references_of(metric: str, targets: Values) -> list[list[str]]:
    """The reference texts of each example: a str is the only one, a sequence of str holds several.

    Raises:
      MetricError: a target is something else, or holds no reference.
    """
    references = []
    for index, target in enumerate(targets):
        texts = [target] if isinstance(target, str) else list(target) if is_flat(target) else []
        if not texts or not all(isinstance(text, str) for text in texts):
            raise errors.MetricError(
                f"{metric}: target {index} must be a str or a non-empty sequence of str, found {_shown(target)}."
            )
        references.append(texts)
    return references


def finite_numbers(metric: str, values: Any, noun: str) -> Array:
    """`values` as float64 `[n]`.

    Raises:
      MetricError: a value is not one finite number; the message says which, and how many.
    """
    try:
        found = np.asarray(values)
    except ValueError as e:  # rows of different lengths
        raise errors.MetricError(f"{metric}: every {noun} must be one number, found sequences.") from e
    if found.ndim != 1:
        raise errors.MetricError(
            f"{metric}: every {noun} must be one number, found shape {list(found.shape)}. Sum or squeeze it."
        )
    if found.dtype.kind in "OUSMmc":
        for index, value in enumerate(values):
            if not isinstance(value, numbers.Real):
                raise errors.MetricError(f"{metric}: {noun} {index} must be a number, found {_shown(value)}.")
    result = found.astype(np.float64)
    bad = np.flatnonzero(~np.isfinite(result))
    if len(bad):
        raise errors.MetricError(
            f"{metric}: {noun} {bad[0]} is {result[bad[0]]}; {len(bad)} of {len(result)} are not finite. NaN and "
            "infinity are never counted: find out where the model makes them."
        )
    return result


def finite_scores(metric: str, targets: Sized, scores: Any) -> Array:
    """The model's scores as float64 `[n]`, one per target.

    A score function that also returns intermediates hands a metric `(scores, intermediates)`; these are put aside.

    Raises:
      MetricError: not one score per target, none at all, or a score that is not one finite number.
    """
    if isinstance(scores, tuple) and len(scores) == 2 and isinstance(scores[1], Mapping):
        scores = scores[0]
    check_pairs(metric, targets, scores, "score")
    return finite_numbers(metric, scores, "score")


def is_flat(value: Any) -> bool:
    """Whether `value` is a list, a tuple or a one-dimensional array."""
    return value.ndim == 1 if isinstance(value, np.ndarray) else isinstance(value, list | tuple)


def _shown(value: Any) -> str:
    return f"{type(value).__name__} {value!r:.100}"
