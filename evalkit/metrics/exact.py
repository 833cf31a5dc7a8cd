"""Metrics that ask whether an output equals its target: as a whole, or token by token.

All are fractions in [0, 1], higher is better. A prediction of None says that no answer was found in the output; it is
never right, and neither is NaN.

    >>> exact_match(["4", "7"], ["4", "8"])
    {'exact_match': 0.5}
    >>> token_accuracy([[5, 6, 7]], [[5, 9, 7, 7]])
    {'token_accuracy': 0.5}
"""

from __future__ import annotations

import operator
from collections.abc import Sequence
from typing import Any

import numpy as np

from evalkit import errors
from evalkit.columns import Array
from evalkit.metrics.checks import Values, check_pairs, check_texts, is_flat, references_of

_Sequences = (list, tuple, np.ndarray)
_PLAIN = frozenset([str, bytes, int, float, bool])  # compared by `==`, which for these never lies


def exact_match(targets: Values, predictions: Values) -> dict[str, float]:
    """The share of predictions that equal their target: right / n.

    Text is compared as it is; clean it in the task's postprocess function. For several accepted answers use
    `exact_match_any`.

    Source: the usual definition, e.g. Rajpurkar et al. 2016, section 6.1, here without their normalisation.
    Range [0, 1], higher is better.

    Raises:
      MetricError: not one prediction per target, none at all, or text on one side and bytes on the other.
    """
    return {"exact_match": _share(matches("exact_match", targets, predictions))}


def exact_match_any(targets: Values, predictions: Values) -> dict[str, float]:
    """The share of predictions that equal one of the accepted answers: right / n.

    Source and range as `exact_match`. Each target is a str, or a non-empty sequence of them.

    Raises:
      MetricError: not one prediction per target, none at all, or something that is not text.
    """
    check_pairs("exact_match_any", targets, predictions)
    check_texts("exact_match_any", [p for p in predictions if p is not None])
    accepted = references_of("exact_match_any", targets)
    return {"exact_match_any": _share(np.fromiter(map(operator.contains, accepted, predictions), bool))}


def sequence_accuracy(targets: Values, predictions: Values) -> dict[str, float]:
    """The share of sequences that are right from the first token to the last: right / n.

    A sequence is a list, a tuple or an array of tokens, or text. Lists and arrays with the same elements are equal. Cut
    padding before.

    Source: `sequence_accuracy` of T5 (Raffel et al. 2020), which multiplies by 100. Range [0, 1], higher is better.

    Raises:
      MetricError: not one prediction per target, none at all, or text on one side and bytes on the other.
    """
    return {"sequence_accuracy": _share(matches("sequence_accuracy", targets, predictions))}


def token_accuracy(targets: Values, predictions: Values) -> dict[str, float]:
    """The share of token positions that are right, over all examples: right / positions.

    Text is split at white space, sequences are taken as tokens. A pair has as many positions as the longer of the two,
    so a prediction that stops early or runs on loses what it misses or adds; where lengths agree, as in teacher
    forcing, this is the usual definition. Longer examples weigh more. Range [0, 1], higher is better.

    Raises:
      MetricError: not one prediction per target, none at all, something that is no sequence, or no token anywhere.
    """
    check_pairs("token_accuracy", targets, predictions)
    right = positions = 0
    for index, pair in enumerate(zip(targets, predictions, strict=True)):
        target, prediction = (_tokens(value, index) for value in pair)
        right += sum(map(operator.eq, target, prediction))
        positions += max(len(target), len(prediction))
    if not positions:
        raise errors.MetricError("token_accuracy: there is no token in any target or prediction.")
    return {"token_accuracy": right / positions}


def matches(metric: str, targets: Values, predictions: Values) -> Array:
    """Bool `[n]`: which predictions equal their target; None and NaN never do.

    Raises:
      MetricError: not one prediction per target, none at all, or text on one side and bytes on the other.
    """
    count = check_pairs(metric, targets, predictions)
    kinds, other_kinds = set(map(type, targets)), set(map(type, predictions))
    for one, other in ((kinds, other_kinds), (other_kinds, kinds)):
        if _any_of(one, str) and _any_of(other, bytes) and not _any_of(other, str):
            raise errors.MetricError(
                f"{metric}: text on one side and bytes on the other are never equal. Decode the bytes, in the "
                "postprocess function for instance."
            )
    equal = operator.eq if kinds <= _PLAIN and other_kinds <= _PLAIN | {type(None)} else same
    return np.fromiter(map(equal, targets, predictions), bool, count)


def same(target: Any, prediction: Any) -> bool:
    """Whether two values are equal: sequences element by element, whatever holds them; None and NaN equal nothing."""
    if prediction is None:
        return False
    if isinstance(target, _Sequences) and isinstance(prediction, _Sequences):
        return _same_sequence(_listed(target), _listed(prediction))
    if isinstance(target, _Sequences) or isinstance(prediction, _Sequences):
        return False
    return bool(target == prediction)


def _same_sequence(target: Any, prediction: Any) -> bool:
    if not isinstance(target, list | tuple) or not isinstance(prediction, list | tuple):
        return same(target, prediction)  # an array without dimensions holds one value
    if len(target) != len(prediction):
        return False
    kinds = {*map(type, target), *map(type, prediction)}
    if kinds <= _PLAIN - {float}:  # lists take one and the same NaN for equal, so floats are compared one by one
        return [*target] == [*prediction]
    return all(map(same, target, prediction))


def _any_of(kinds: set[type], kind: type) -> bool:
    return any(issubclass(found, kind) for found in kinds)


def _share(right: Array) -> float:
    return int(np.count_nonzero(right)) / len(right)


def _listed(sequence: Any) -> Any:
    return sequence.tolist() if isinstance(sequence, np.ndarray) else sequence


def _tokens(value: Any, index: int) -> Sequence[Any]:
    if value is None:
        return ()
    if isinstance(value, str | bytes):
        return value.split()
    if is_flat(value):
        return _listed(value)  # type: ignore[no-any-return]
    raise errors.MetricError(
        f"token_accuracy: targets and predictions must be text or sequences of tokens; example {index} has "
        f"{value!r:.100}."
    )
