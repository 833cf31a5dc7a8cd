"""How many examples of a task are right, wrong or something else, told from the metrics that say so.

Metrics that compare each prediction with its target say it of each example: `exact_match`, `exact_match_any`,
`sequence_accuracy`, `accuracy` and `graded_answers`. Any other metric may return the whole numbers `correct` and
`wrong`, and perhaps `unparsed`, `truncated`, `failed` and `total`, among its values. The first metric of a task that
tells is taken.
"""

from __future__ import annotations

import functools
import operator
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from evalkit.columns import Array
from evalkit.metrics.answers import graded_answers
from evalkit.metrics.classification import accuracy
from evalkit.metrics.counts import EvalCounts
from evalkit.metrics.exact import exact_match, exact_match_any, matches, sequence_accuracy

FINISH_REASONS = "finish_reasons"
"""The auxiliary value that says why each answer ended, as `Engine.predict_with_aux_fn` gives it: "length" if there was
no room for more."""


def _accepted(targets: Sequence[Any], predictions: Sequence[Any]) -> Array:
    """Which predictions are among the accepted answers."""
    accepted = ([target] if isinstance(target, str) else target for target in targets)
    return np.fromiter(map(operator.contains, accepted, predictions), bool, len(targets))


_RIGHT: dict[Any, Callable[[Sequence[Any], Sequence[Any]], Array]] = {
    **{fn: functools.partial(matches, "counts") for fn in (exact_match, sequence_accuracy, accuracy, graded_answers)},
    exact_match_any: _accepted,
}


def counts_of_metric(
    fn: Callable[..., Any], arguments: Mapping[str, Any], values: Mapping[str, Any], cut: Array
) -> EvalCounts | None:
    """What a metric tells of each example; None if it tells nothing.

    Args:
      fn: the metric function.
      arguments: what it was called with.
      values: what it returned.
      cut: bool `[n]`, of which examples the model did not see all.
    """
    if fn in _RIGHT:
        reasons = arguments.get("aux_values", {}).get(FINISH_REASONS)
        ended = [""] * len(cut) if reasons is None else reasons
        unfinished = np.fromiter((reason == "length" for reason in ended), bool, len(cut))
        predictions = arguments["predictions"]
        return _counts(_RIGHT[fn](arguments["targets"], predictions), predictions, cut, unfinished)
    return EvalCounts.among(len(cut), values)


def _counts(right: Array, predictions: Sequence[Any], cut: Array, unfinished: Array) -> EvalCounts:
    nothing = np.fromiter((prediction is None for prediction in predictions), bool, len(right))
    truncated = ~right & (cut | (nothing & unfinished))
    unparsed = nothing & ~truncated
    wrong = ~right & ~truncated & ~unparsed
    number = [int(np.count_nonzero(kind)) for kind in (right, wrong, unparsed, truncated)]
    return EvalCounts(len(right), *number)
