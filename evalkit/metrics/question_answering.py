"""Question answering as SQuAD judges it: exact match and word F1 after a normalisation, against the best reference.

Source: Rajpurkar et al. 2016, "SQuAD: 100,000+ Questions for Machine Comprehension of Text", section 6.1, and their
script evaluate-v1.1.py, whose numbers these are. Both are percentages in [0, 100], as there; higher is better.

    >>> squad([["the Denver Broncos", "Denver"]], ["Broncos of Denver"])
    {'squad_em': 0.0, 'squad_f1': 80.0}
"""

from __future__ import annotations

import collections
import math
import re
import string
from collections.abc import Sequence
from typing import Any

from evalkit.metrics.checks import check_pairs, check_texts, references_of

_ARTICLES = re.compile(r"\b(a|an|the)\b")
_WITHOUT_PUNCTUATION = str.maketrans("", "", string.punctuation)


def squad(targets: Sequence[Any], predictions: Sequence[str]) -> dict[str, float]:
    """`squad_em` and `squad_f1`: 100 times the mean over examples of the best match with any of the references.

    A target is the one reference, or a sequence of them. An unanswerable question of SQuAD 2 is not treated apart.

    Raises:
      MetricError: not one prediction per target, none at all, a target without reference, or something not text.
    """
    check_pairs("squad", targets, predictions)
    check_texts("squad", predictions)
    references = references_of("squad", targets)
    pairs = list(zip(references, predictions, strict=True))
    exact = sum(squad_exact_match(target, prediction) for target, prediction in pairs)
    overlap = math.fsum(squad_word_f1(target, prediction) for target, prediction in pairs)
    return {"squad_em": 100 * exact / len(pairs), "squad_f1": 100 * overlap / len(pairs)}


def squad_exact_match(target: str | Sequence[str], prediction: str) -> float:
    """1.0 if the normalised prediction is one of the normalised references, else 0.0."""
    answer = normalize_answer(prediction)
    return float(any(normalize_answer(reference) == answer for reference in _several(target)))


def squad_word_f1(target: str | Sequence[str], prediction: str) -> float:
    """The best F1, in [0, 1], of the prediction's words with those of a reference, both as bags of normalised words."""
    answer = collections.Counter(normalize_answer(prediction).split())
    return max(_word_f1(collections.Counter(normalize_answer(text).split()), answer) for text in _several(target))


def normalize_answer(text: str) -> str:
    """Lower case, without punctuation (ASCII), without the words a, an and the, words separated by one space.

    >>> normalize_answer("The  cat's a  pyjamas!")
    'cats pyjamas'
    """
    return " ".join(_ARTICLES.sub(" ", text.lower().translate(_WITHOUT_PUNCTUATION)).split())


def _several(target: str | Sequence[str]) -> Sequence[str]:
    return [target] if isinstance(target, str) else target


def _word_f1(reference: collections.Counter[str], answer: collections.Counter[str]) -> float:
    shared = (reference & answer).total()
    return 2 * shared / (reference.total() + answer.total()) if shared else 0.0
