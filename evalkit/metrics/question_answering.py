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
    exact, overlap = zip(*map(_judge, references, predictions), strict=True)
    return {"squad_em": 100 * sum(exact) / len(exact), "squad_f1": 100 * math.fsum(overlap) / len(overlap)}


def squad_exact_match(target: str | Sequence[str], prediction: str) -> float:
    """1.0 if the normalised prediction is one of the normalised references, else 0.0."""
    return float(_judge(_several(target), prediction)[0])


def squad_word_f1(target: str | Sequence[str], prediction: str) -> float:
    """The best F1, in [0, 1], of the prediction's words with those of a reference, both as bags of normalised words."""
    return _judge(_several(target), prediction)[1]


def normalize_answer(text: str) -> str:
    """Lower case, without punctuation (ASCII), without the words a, an and the, words separated by one space.

    >>> normalize_answer("The  cat's a  pyjamas!")
    'cats pyjamas'
    """
    return " ".join(_ARTICLES.sub(" ", text.lower().translate(_WITHOUT_PUNCTUATION)).split())


def _several(target: str | Sequence[str]) -> Sequence[str]:
    return [target] if isinstance(target, str) else target


def _judge(references: Sequence[str], prediction: str) -> tuple[bool, float]:
    answer = normalize_answer(prediction)
    accepted = [normalize_answer(reference) for reference in references]
    words = collections.Counter(answer.split())
    return answer in accepted, max(_word_f1(collections.Counter(text.split()), words) for text in accepted)


def _word_f1(reference: collections.Counter[str], answer: collections.Counter[str]) -> float:
    shared = (reference & answer).total()
    return 2 * shared / (reference.total() + answer.total()) if shared else 0.0
