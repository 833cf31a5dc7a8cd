"""Pearson's and Spearman's correlation, against scipy and numpy."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from evalkit import errors
from evalkit.metrics import pearson, spearman

PAIRS = st.lists(st.tuples(st.integers(-5, 5), st.integers(-5, 5)), min_size=2, max_size=20)


@given(PAIRS)
@settings(max_examples=60, deadline=None)
def test_both_agree_with_scipy(pairs):
    stats = pytest.importorskip("scipy.stats")
    targets, predictions = zip(*pairs, strict=True)
    assume(len(set(targets)) > 1 and len(set(predictions)) > 1)
    found = pearson(targets, predictions)["pearson_corrcoef"]
    assert found == pytest.approx(stats.pearsonr(targets, predictions).statistic, abs=1e-9)
    found = spearman(targets, predictions)["spearman_corrcoef"]
    assert found == pytest.approx(stats.spearmanr(targets, predictions).statistic, abs=1e-9)


def test_cases_computed_by_hand():
    assert pearson([1, 2, 3], [2, 4, 6]) == {"pearson_corrcoef": pytest.approx(1.0)}
    assert pearson([1, 2, 3], [3, 2, 1]) == {"pearson_corrcoef": pytest.approx(-1.0)}
    # Ranks 1 2.5 2.5 4 against 1 2 3 4.
    assert spearman([1, 5, 5, 9], [1, 2, 3, 4]) == {"spearman_corrcoef": pytest.approx(4.5 / math.sqrt(4.5 * 5))}


def test_size_does_not_matter():
    targets = np.array([1.0, 2.0, 4.0])
    for scale in (1e-200, 1e200):
        assert pearson(targets, targets * scale) == {"pearson_corrcoef": pytest.approx(1.0)}


def test_constant_predictions_follow_nothing():
    assert pearson([1.0, 2.0], [0.1, 0.1]) == {"pearson_corrcoef": 0.0}
    assert spearman([1.0, 2.0], [0.1, 0.1]) == {"spearman_corrcoef": 0.0}


@pytest.mark.parametrize("metric", [pearson, spearman])
@pytest.mark.parametrize(
    ("targets", "predictions", "message"),
    [
        ([], [], "there are no examples"),
        ([1.0], [1.0, 2.0], "1 targets but 2 predictions"),
        ([3.0, 3.0], [1.0, 2.0], "all 2 targets are 3.0"),
        ([1.0, math.nan], [1.0, 2.0], "target 1 is nan"),
        ([1.0, 2.0, 3.0], [1.0, math.inf, math.nan], "prediction 1 is inf; 2 of 3"),
        ([1.0, 2.0], [1.0, "two"], "prediction 1 must be a number, found str 'two'"),
    ],
)
def test_what_cannot_be_judged_is_named(metric, targets, predictions, message):
    with pytest.raises(errors.MetricError, match=f"{metric.__name__}: {message}"):
        metric(targets, predictions)
