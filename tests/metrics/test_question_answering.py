"""SQuAD's exact match and F1."""

from __future__ import annotations

import collections
import re
import string

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from evalkit import errors
from evalkit.metrics import normalize_answer, squad, squad_exact_match, squad_word_f1

WORDS = st.lists(st.sampled_from(["the", "a", "An", "cat", "Cat's", "sat,", "on", "...", "theatre"]), max_size=5)
TEXTS = WORDS.map(" ".join)


def normalized_by_the_definition(text):
    """The four steps in the order that the paper's script has them."""
    text = "".join(character for character in text.lower() if character not in set(string.punctuation))
    return " ".join(re.sub(r"\b(a|an|the)\b", " ", text).split())


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("The Denver Broncos", "denver broncos"),
        ("a.m.", "am"),
        ("an  apple\ta day", "apple day"),
        ("theatre", "theatre"),
        ("The", ""),
        ("24\u201310", "24\u201310"),  # only ASCII punctuation goes
    ],
)
def test_normalisation(text, expected):
    assert normalize_answer(text) == expected


@pytest.mark.parametrize(
    ("target", "prediction", "em", "f1"),
    [
        ("Denver Broncos", "the denver broncos!", 1.0, 1.0),
        ("Denver Broncos", "Broncos", 0.0, 2 / 3),  # precision 1, recall 1/2
        (["Santa Clara", "Levi's Stadium in Santa Clara"], "Levis Stadium", 0.0, 4 / 7),
        ("to be or not to be", "to be", 0.0, 0.5),  # repeated words count as often as they occur
        ("cat", "", 0.0, 0.0),
        ("the", "a", 1.0, 0.0),  # as evaluate-v1.1.py has it: equal, and no word shared
    ],
)
def test_one_example(target, prediction, em, f1):
    assert squad_exact_match(target, prediction) == em
    assert squad_word_f1(target, prediction) == pytest.approx(f1)


@given(st.lists(st.tuples(st.lists(TEXTS, min_size=1, max_size=3), TEXTS), min_size=1, max_size=6))
@settings(max_examples=80, deadline=None)
def test_both_agree_with_the_definition(examples):
    exact, overlap = [], []
    for references, prediction in examples:
        answer = normalized_by_the_definition(prediction)
        accepted = [normalized_by_the_definition(reference) for reference in references]
        exact.append(answer in accepted)
        scores = []
        for reference in accepted:
            common = sum((collections.Counter(answer.split()) & collections.Counter(reference.split())).values())
            precision, recall = (common / max(len(text.split()), 1) for text in (answer, reference))
            scores.append(2 * precision * recall / (precision + recall) if common else 0.0)
        overlap.append(max(scores))
    result = squad([references for references, _ in examples], [prediction for _, prediction in examples])
    expected = {"squad_em": 100 * sum(exact) / len(exact), "squad_f1": 100 * sum(overlap) / len(overlap)}
    assert result == pytest.approx(expected)


def test_what_cannot_be_judged_is_named():
    with pytest.raises(errors.MetricError, match="squad: there are no examples"):
        squad([], [])
    with pytest.raises(errors.MetricError, match="squad: 1 targets but 2 predictions"):
        squad(["a"], ["a", "b"])
    with pytest.raises(errors.MetricError, match="squad: prediction 1 must be a str, found NoneType"):
        squad(["a", "b"], ["a", None])  # type: ignore[list-item]
    with pytest.raises(errors.MetricError, match="squad: target 0 must be a str or a non-empty sequence"):
        squad([[]], ["a"])
    with pytest.raises(errors.MetricError, match="squad: target 0 .* found list"):
        squad([[b"a"]], ["a"])
