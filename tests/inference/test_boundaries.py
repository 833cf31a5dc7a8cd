from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from evalkit.columns import Ragged
from evalkit.errors import RowError
from evalkit.inference.boundaries import encode_pairs, encode_separately

BOS = 1
PIECES = {"a": 10, "b": 11, "c": 12, " ": 13, "ab": 14, "bc": 15, " a": 16, " ab": 17, "abc": 18}


def longest_first(text: str) -> list[int]:
    """Takes the longest piece each time: `a` and `b` apart are two tokens, and one next to each other."""
    ids = []
    while text:
        piece = max((piece for piece in PIECES if text.startswith(piece)), key=len)
        ids.append(PIECES[piece])
        text = text[len(piece) :]
    return ids


def encode(texts) -> Ragged:
    return Ragged.from_rows([longest_first(text) for text in texts])


def encode_with_bos(texts) -> Ragged:
    return Ragged.from_rows([[BOS, *longest_first(text)] for text in texts])


def spans(pairs) -> list[tuple[list[int], int]]:
    rows = pairs.rows
    return [(rows.tokens.row(row).tolist(), int(rows.starts[row])) for row in range(len(rows))]


@pytest.mark.parametrize(
    ("context", "continuation", "tokens", "start", "merged"),
    [
        ("b", "b", [11, 11], 1, False),
        ("c", " ab", [12, 17], 1, False),
        ("c ", "ab", [12, 17], 1, False),  # white space moves to the continuation, and is one token with it
        ("ca", "b", [12, 14], 1, True),  # `a` and `b` become one
        ("a", "bc", [BOS, 18], 1, True),  # nothing is left of the context
        ("", "ab", [BOS, 14], 1, False),
        ("  ", "ab", [BOS, 13, 17], 1, False),  # a context of white space is none
    ],
)
def test_where_the_continuation_begins(context, continuation, tokens, start, merged):
    found = encode_pairs(encode, [(context, continuation)], bos_id=BOS)
    assert spans(found) == [(tokens, start)]
    assert found.merged.tolist() == [merged]
    assert not found.unscored.any()


def test_separate_pieces_do_not_merge():
    found = encode_separately(encode, [("ca", "b"), ("c ", "ab"), ("", "ab")], bos_id=BOS)
    assert spans(found) == [([12, 10, 11], 2), ([12, 17], 1), ([BOS, 14], 1)]
    assert not found.merged.any()


@pytest.mark.parametrize("function", [encode_pairs, encode_separately])
def test_no_row_begins_with_two_bos(function):
    pairs = [("c", " ab"), ("", "ab")]
    expected = [([BOS, 12, 17], 2), ([BOS, 14], 1)]
    assert spans(function(encode, pairs, bos_id=BOS, always_bos=True)) == expected
    assert spans(function(encode_with_bos, pairs, bos_id=BOS, always_bos=True)) == expected
    assert spans(function(encode_with_bos, pairs, bos_id=BOS)) == expected


def test_without_bos_the_first_token_has_no_score():
    found = encode_pairs(encode, [("", "acb"), ("c", "b")])
    assert spans(found) == [([10, 12, 11], 1), ([12, 11], 1)]
    assert found.unscored.tolist() == [True, False]


@pytest.mark.parametrize("function", [encode_pairs, encode_separately])
def test_continuations_that_cannot_be_scored(function):
    with pytest.raises(RowError, match="Pair 1 of 2 has an empty continuation"):
        function(encode, [("a", "b"), ("a ", "")])
    with pytest.raises(RowError, match="Pair 0 of 1 is one token without context.*pass bos_id"):
        function(encode, [("", "a")])
    with pytest.raises(RowError, match="Pair 0 of 1: its continuation has no token of its own"):
        function(lambda texts: encode([text.strip("c") for text in texts]), [("b", "c")])


@pytest.mark.parametrize("function", [encode_pairs, encode_separately])
def test_no_pairs(function):
    assert len(function(encode, []).rows) == 0


def test_each_text_is_encoded_once():
    seen = []

    def counting(texts):
        seen.extend(texts)
        return encode(texts)

    encode_pairs(counting, [("ab ", "a"), ("ab ", "b"), ("ab ", "a")], bos_id=BOS)
    assert sorted(seen) == ["ab", "ab a", "ab b"]


texts = st.text(alphabet="abc ", max_size=8)


@given(context=texts, continuation=texts.filter(bool))
def test_the_row_is_the_text_and_something_of_it_is_scored(context, continuation):
    [(tokens, start)] = spans(encode_pairs(encode, [(context, continuation)], bos_id=BOS))
    whole = longest_first(context + continuation)
    assert tokens in (whole, [BOS, *whole])
    assert 1 <= start < len(tokens)
    assert np.array_equal(tokens[:start][-1:], [BOS]) or tokens[:start] == longest_first(context.rstrip())[:start]
