"""Counts against counting by hand; merging in any way gives the same."""

from __future__ import annotations

import json
import math

import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given
from hypothesis import strategies as st

from evalkit.caching.statistics import CHARS, TOKENS, SplitStatistics
from evalkit.columns import Ragged
from evalkit.data import Feature
from evalkit.errors import CacheError
from evalkit.vocabularies import ByteVocabulary, PassThroughVocabulary

TEXT = Feature(ByteVocabulary())
TOKEN_ROWS = st.lists(st.lists(st.integers(0, 258), max_size=6), min_size=1, max_size=30)


def statistics_of(rows, feature=TEXT, dtype=np.int32):
    statistics = SplitStatistics()
    statistics.add(len(rows), {"x": Ragged.from_rows(rows, dtype)}, {"x": feature}, (TOKENS, CHARS))
    return statistics


@given(TOKEN_ROWS)
def test_tokens_and_characters_are_counted_one_by_one(rows):
    tokens = [sum(token not in (0, 1) for token in row) for row in rows]
    chars = [len(TEXT.vocabulary.decode(row)) for row in rows]
    expected = {"examples": len(rows)}
    for unit, counts in (("tokens", tokens), ("chars", chars)):
        expected |= {f"x_{unit}": sum(counts), f"x_max_{unit}": max(counts)}
        for q in (50, 90, 95, 99):
            expected[f"x_p{q}_{unit}"] = sorted(counts)[math.ceil(q * len(counts) / 100) - 1]
    assert statistics_of(rows).summary() == expected


@given(TOKEN_ROWS, st.data())
def test_parts_merge_to_the_whole_in_any_order(rows, data):
    cuts = sorted(data.draw(st.lists(st.integers(0, len(rows)), max_size=3)))
    parts = [rows[a:b] for a, b in zip([0, *cuts], [*cuts, len(rows)], strict=True) if a < b]
    merged = SplitStatistics()
    for part in data.draw(st.permutations(parts)):
        stored = json.loads(json.dumps(statistics_of(part).to_json()))
        merged.merge(SplitStatistics.from_json(stored))
    whole = statistics_of(rows)
    assert merged.summary() == whole.summary()
    assert sorted(merged.to_json()["frequencies"]) == sorted(whole.to_json()["frequencies"])


def test_characters_of_texts():
    texts = Ragged(np.array(["añb".encode(), b"", b"ab\xff"], object), np.array([0, 1, 3]))
    statistics = SplitStatistics()
    statistics.add(2, {"x": texts}, {"x": Feature(PassThroughVocabulary(1), dtype=tf.string, rank=1)}, (TOKENS, CHARS))
    summary = statistics.summary(percentiles=())
    assert summary == {"examples": 2, "x_chars": 6, "x_max_chars": 3}  # a byte that is no UTF-8 is one character


@pytest.mark.parametrize(
    ("feature", "dtype", "units"),
    [
        (Feature(PassThroughVocabulary(9)), np.int64, {"tokens"}),  # ids that have no text
        (Feature(ByteVocabulary(), rank=2), np.int32, {"tokens"}),  # several texts, nobody knows where each ends
        (Feature(ByteVocabulary(), dtype=tf.float32), np.float32, set()),
        (Feature(ByteVocabulary(), dtype=tf.uint8), np.uint8, set()),
    ],
)
def test_what_is_not_counted(feature, dtype, units):
    summary = statistics_of([[5, 6]], feature, dtype).summary(percentiles=())
    assert {name.rpartition("_")[2] for name in summary if name != "examples"} == units


def test_a_vocabulary_that_is_none_of_ours():
    class Letters:
        eos_id, pad_id = None, 0

        def decode(self, ids):
            return "ab" * len(ids)

    summary = statistics_of([[5, 6, 0], []], Feature(Letters())).summary(percentiles=())
    assert summary == {"examples": 2, "x_tokens": 2, "x_max_tokens": 2, "x_chars": 6, "x_max_chars": 6}


def test_a_feature_that_examples_lack():
    statistics = SplitStatistics()
    statistics.add(3, {}, {"x": TEXT}, (TOKENS, CHARS))
    assert statistics.summary() == {"examples": 3}


@pytest.mark.parametrize("values", [{}, {"examples": 1, "frequencies": [1]}, {"examples": "x", "frequencies": []}])
def test_what_are_no_statistics(values):
    with pytest.raises(CacheError, match="Not the statistics of a piece"):
        SplitStatistics.from_json(values)
