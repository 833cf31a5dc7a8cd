"""BLEU and ROUGE: the reference implementations' numbers."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import sacrebleu
from rouge_score import rouge_scorer

from evalkit import errors
from evalkit.metrics import bleu, rouge

TARGETS = ["The cat sat on the mat.", "A quick brown fox jumps over it.", "It is raining today in Paris."]
PREDICTIONS = ["The cat sat on a mat.", "The quick brown fox jumped over it.", "It rains in Paris today."]


def test_bleu_is_sacrebleus():
    assert bleu(TARGETS, PREDICTIONS)["bleu"] == sacrebleu.corpus_bleu(PREDICTIONS, [TARGETS]).score
    assert 5 < bleu(TARGETS, PREDICTIONS)["bleu"] < 95


def test_bleu_passes_its_options_on():
    upper = [text.upper() for text in PREDICTIONS]
    assert bleu(TARGETS, upper, lowercase=True) == bleu(TARGETS, PREDICTIONS, lowercase=True) != bleu(TARGETS, upper)
    intl = sacrebleu.corpus_bleu(["1,5\u20132 a"], [["1,5 \u2013 2 a b"]], tokenize="intl").score
    assert bleu(["1,5 \u2013 2 a b"], ["1,5\u20132 a"], tokenize="intl")["bleu"] == intl


def test_bleu_takes_any_number_of_references():
    references = [[TARGETS[0], PREDICTIONS[0]], [TARGETS[1]], [TARGETS[2], "x", "It rains today in Paris."]]
    by_rank: list[list[Any]] = [list(TARGETS), [PREDICTIONS[0], None, "x"], [None, None, "It rains today in Paris."]]
    expected = sacrebleu.corpus_bleu(
        PREDICTIONS,
        by_rank,
    ).score
    assert bleu(references, PREDICTIONS)["bleu"] == expected > bleu(TARGETS, PREDICTIONS)["bleu"]


@pytest.mark.parametrize("use_stemmer", [False, True])
def test_rouge_is_the_mean_of_rouge_scores(use_stemmer):
    scorer = rouge_scorer.RougeScorer(["rouge1", "rouge2", "rougeLsum"], use_stemmer=use_stemmer)
    scores = [scorer.score(t, p) for t, p in zip(TARGETS, PREDICTIONS, strict=True)]
    expected = {kind: 100 * np.mean([score[kind].fmeasure for score in scores]) for kind in scores[0]}
    assert rouge(TARGETS, PREDICTIONS, use_stemmer=use_stemmer) == pytest.approx(expected)


def test_a_rouge_case_computed_by_hand():
    # 2 of 3 words in common; 1 of 2 bigrams; the longest common subsequence has 2 words.
    result = rouge(["the cat sat"], ["the cat ran"])
    assert result == pytest.approx({"rouge1": 200 / 3, "rouge2": 50.0, "rougeLsum": 200 / 3})


def test_rouge_takes_the_best_of_several_references():
    assert rouge([["nothing", "the cat ran"]], ["the cat ran"])["rouge1"] == pytest.approx(100.0)


def test_rouge_lsum_goes_by_lines():
    lines = rouge(["a b\nc d"], ["c d\na b"])["rougeLsum"]
    one_line = rouge(["a b c d"], ["c d a b"])["rougeLsum"]
    assert (lines, one_line) == pytest.approx((100.0, 50.0))


@pytest.mark.parametrize("metric", [bleu, rouge])
def test_what_cannot_be_judged_is_named(metric):
    name = metric.__name__
    with pytest.raises(errors.MetricError, match=f"{name}: there are no examples"):
        metric([], [])
    with pytest.raises(errors.MetricError, match=f"{name}: 1 targets but 2 predictions"):
        metric(["a"], ["a", "b"])
    with pytest.raises(errors.MetricError, match=f"{name}: prediction 0 must be a str, found bytes"):
        metric(["a"], [b"a"])
    with pytest.raises(errors.MetricError, match=f"{name}: target 1 must be a str or a non-empty sequence of str"):
        metric(["a", 3], ["a", "b"])


@pytest.mark.parametrize("metric", [bleu, rouge])
def test_empty_text_is_a_text(metric):
    assert all(value == pytest.approx(0.0) for value in metric(["some words here"], [""]).values())
