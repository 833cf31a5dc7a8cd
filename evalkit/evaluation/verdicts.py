"""How many examples of a task are right, wrong or something else, told from the metrics that say so.

Metrics that compare each prediction with its target say it of each example: `exact_match`, `exact_match_any`,
`sequence_accuracy`, `accuracy` and `graded_answers`. Any other metric may return the whole numbers `correct` and
`wrong`, and perhaps `unparsed`, `truncated`, `failed` and `total`, among its values. The first metric of a task that
tells is taken.

Why an answer ended is told by auxiliary values, whichever function of the model gives them: `finish_reasons`, as
`Engine.predict_with_aux_fn` gives it ("length" if there was no room for more, "error" if there is no answer), and
`truncated`, whether only a part of the prompt was read.
"""

from __future__ import annotations

import dataclasses
import functools
import operator
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Self, final

import numpy as np

from evalkit.columns import Array
from evalkit.metrics.answers import graded_answers
from evalkit.metrics.classification import accuracy
from evalkit.metrics.counts import EvalCounts
from evalkit.metrics.exact import exact_match, exact_match_any, matches, sequence_accuracy

FINISH_REASONS, TRUNCATED = "finish_reasons", "truncated"


@final
@dataclasses.dataclass(frozen=True)
class Endings:
    """What is known of each answer, whatever it says; each is bool `[n]`.

    Attributes:
      cut: the model did not see all of the example.
      unfinished: there was no room for more tokens.
      failed: there is no answer, since the model was not reached or refused.
    """

    cut: Array
    unfinished: Array
    failed: Array

    @classmethod
    def of(cls, cut: Array, auxiliary: Mapping[str, Any]) -> Self:
        """Reads auxiliary values, each one per example.

        Args:
          cut: of which examples it is known already.
          auxiliary: values by name, others among them.
        """
        reasons = auxiliary.get(FINISH_REASONS, [""] * len(cut))
        unfinished, failed = (
            np.fromiter((isinstance(reason, str) and reason == kind for reason in reasons), bool, len(cut))
            for kind in ("length", "error")
        )
        truncated = auxiliary.get(TRUNCATED, cut)
        unread = np.fromiter(
            (isinstance(value, bool | np.bool_) and bool(value) for value in truncated), bool, len(cut)
        )
        return cls(cut | unread, unfinished, failed)


def answers_and_endings(predict_with_aux_fn: Callable[[Any], Any]) -> Callable[[Any], Any]:
    """A `predict_fn` whose answers come with how they ended, and with no other auxiliary values."""

    def predict(dataset: Any) -> Any:
        pairs, auxiliary = predict_with_aux_fn(dataset)
        return pairs, {name: auxiliary[name] for name in (FINISH_REASONS, TRUNCATED)}

    return predict


def _accepted(targets: Sequence[Any], predictions: Sequence[Any]) -> Array:
    """Which predictions are among the accepted answers."""
    accepted = ([target] if isinstance(target, str) else target for target in targets)
    return np.fromiter(map(operator.contains, accepted, predictions), bool, len(targets))


_RIGHT: dict[Any, Callable[[Sequence[Any], Sequence[Any]], Array]] = {
    **{fn: functools.partial(matches, "counts") for fn in (exact_match, sequence_accuracy, accuracy, graded_answers)},
    exact_match_any: _accepted,
}


def counts_of_metric(
    fn: Callable[..., Any], arguments: Mapping[str, Any], values: Mapping[str, Any], endings: Endings
) -> EvalCounts | None:
    """What a metric tells of each example; None if it tells nothing.

    Args:
      fn: the metric function.
      arguments: what it was called with.
      values: what it returned.
      endings: of all answers.
    """
    if fn in _RIGHT:
        predictions = arguments["predictions"]
        return _counts(_RIGHT[fn](arguments["targets"], predictions), predictions, endings)
    return EvalCounts.among(len(endings.cut), values)


def _counts(right: Array, predictions: Sequence[Any], endings: Endings) -> EvalCounts:
    nothing = np.fromiter((prediction is None for prediction in predictions), bool, len(right))
    failed = endings.failed
    correct = right & ~failed
    truncated = ~right & ~failed & (endings.cut | (nothing & endings.unfinished))
    unparsed = nothing & ~correct & ~failed & ~truncated
    wrong = ~(correct | failed | truncated | unparsed)
    return EvalCounts(
        len(right), *(int(np.count_nonzero(kind)) for kind in (correct, wrong, unparsed, truncated, failed))
    )
