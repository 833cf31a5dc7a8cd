"""Final answers: how many are right, with counts that leave nobody out.

A prediction of None says that no answer was found in the output. It is not right, and it is not merely wrong either:
many of them mean that a model does not keep to the form, or that the extraction is at fault.

    >>> graded_answers(["4", "7", "9", "2"], ["4", "8", None, "2"])["accuracy"]
    0.5
"""

from __future__ import annotations

import numpy as np

from evalkit.metrics.checks import Values
from evalkit.metrics.exact import matches
from evalkit.metrics.proportions import proportion_standard_error


def graded_answers(targets: Values, predictions: Values) -> dict[str, float]:
    """The share of right final answers with its standard error, and the counts: correct + wrong + unparsed = n.

    Range of `accuracy` [0, 1], higher is better.

    Args:
      targets: final answers.
      predictions: final answers; None where none was found.

    Raises:
      MetricError: not one prediction per target, none at all, or text on one side and bytes on the other.
    """
    correct = int(np.count_nonzero(matches("graded_answers", targets, predictions)))
    unparsed = sum(prediction is None for prediction in predictions)
    n = len(targets)
    return {
        "accuracy": correct / n,
        "accuracy_stderr": proportion_standard_error(correct, n),
        "correct": correct,
        "wrong": n - correct - unparsed,
        "unparsed": unparsed,
        "n": n,
    }
