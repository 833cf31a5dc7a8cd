"""The examples of an evaluation: which are taken, and whose fault it is when one fails."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from typing import TypeVar

from evalkit.errors import ArgumentError, SourceError
from evalkit.evaluations.evaluation import Evaluation
from evalkit.inference.arguments import whole_number

T = TypeVar("T")


def read_examples(evaluation: Evaluation, get: Callable[[int], T], limit: int | None) -> dict[int, T]:
    """The examples by their numbers, in rising order.

    Args:
      evaluation: whose examples they are.
      get: reads one.
      limit: takes so many of them, chosen by a hash of name and number: the same ones at each step of a training.

    Raises:
      ArgumentError: there is no example, or `limit` is less than 1.
      ArgumentTypeError: `limit` is not whole.
      SourceError: `get` raised.
    """
    indices = list(range(len(evaluation)))
    if not indices:
        raise ArgumentError(f"Evaluation {evaluation.name!r} has no examples, and so no score.")
    if limit is not None:
        indices = sorted(
            sorted(indices, key=lambda index: _rank(evaluation.name, index))[: whole_number("limit", limit)]
        )
    examples = {}
    for index in indices:
        try:
            examples[index] = get(index)
        except Exception as error:
            raise SourceError(f"Evaluation {evaluation.name!r}: get({index}) raised {error!r}.") from error
    return examples


def _rank(name: str, index: int) -> bytes:
    return hashlib.sha256(f"{name}:{index}".encode()).digest()
