from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from evalkit.errors import ArgumentError, ArgumentTypeError, RowError
from evalkit.inference.spans import Rows
from evalkit.inference.windows import keep_tails, sliding_windows


@st.composite
def rows_of_numbers(draw) -> Rows:
    """Rows in which each token is its own position, so that it can be told where a piece was cut out."""
    lengths = draw(st.lists(st.integers(2, 40), max_size=6))
    starts = [draw(st.integers(1, length - 1)) for length in lengths]
    ends = [draw(st.integers(start + 1, length)) for start, length in zip(starts, lengths, strict=True)]
    return Rows.of([range(length) for length in lengths], starts, ends)


@given(rows=rows_of_numbers(), max_length=st.integers(1, 20), data=st.data())
def test_windows_score_each_token_once_with_the_context_there_is_room_for(rows, max_length, data):
    stride = data.draw(st.integers(1, max_length))
    windows, sources = sliding_windows(rows, max_length, stride)
    scored: dict[int, list[int]] = {row: [] for row in range(len(rows))}
    for window, source in enumerate(sources.tolist()):
        tokens = windows.tokens.row(window)
        start, end = windows.starts[window], windows.ends[window]
        assert np.array_equal(tokens, np.arange(tokens[0], tokens[0] + len(tokens)))
        assert end - 1 <= max_length
        context = start - 1  # tokens before the one that predicts the first
        assert tokens[0] == 0 or context >= max_length - stride
        scored[source] += tokens[start:end].tolist()
    for row, positions in scored.items():
        assert positions == list(range(rows.starts[row], rows.ends[row]))


@given(rows=rows_of_numbers(), max_length=st.integers(1, 20))
def test_a_row_that_fits_is_one_window(rows, max_length):
    sources = sliding_windows(rows, max_length).sources
    counts = np.bincount(sources, minlength=len(rows))
    assert (counts[rows.fed_lengths <= max_length] == 1).all()
    assert (np.diff(sources) >= 0).all()


@given(rows=rows_of_numbers(), max_length=st.integers(1, 50))
def test_tails_have_the_whole_span(rows, max_length):
    if len(rows) and rows.counts.max() > max_length:
        with pytest.raises(RowError, match="a span is not cut"):
            keep_tails(rows, max_length)
        return
    tails, truncated = keep_tails(rows, max_length)
    for row in range(len(rows)):
        tokens = tails.tokens.row(row)
        assert tokens[tails.starts[row] : tails.ends[row]].tolist() == list(range(rows.starts[row], rows.ends[row]))
        assert truncated[row] == (tokens[0] > 0)
        assert tails.fed_lengths[row] == (max_length if truncated[row] else rows.fed_lengths[row])


def test_tails_of_inputs_are_kept():
    rows = Rows.of([[1, 2], [1, 3]], [1, 1], inputs=[[5, 6, 7, 8], [9]])
    tails, truncated = keep_tails(rows, 8, input_limit=3)
    assert tails.inputs.row(0).tolist() == [6, 7, 8]
    assert tails.inputs.row(1).tolist() == [9]
    assert truncated.tolist() == [True, False]


def test_a_span_longer_than_the_model_is_named():
    with pytest.raises(RowError, match="Row 1 of 2: its span has 5 tokens, and the model takes 4.*sliding_windows"):
        keep_tails(Rows.of([[1, 2], range(6)], starts=[1, 1]), 4)


def test_strides():
    rows = Rows.of([range(9)], [1])
    with pytest.raises(ArgumentError, match="stride must be at most max_length, 4; found 5"):
        sliding_windows(rows, 4, 5)
    with pytest.raises(ArgumentError, match="stride must be at least 1"):
        sliding_windows(rows, 4, 0)
    with pytest.raises(ArgumentTypeError, match="stride must be a whole number"):
        sliding_windows(rows, 4, 2.0)
    with pytest.raises(ArgumentError, match="Windows are for decoder-only models"):
        sliding_windows(Rows.of([[1, 2]], [1], inputs=[[1]]), 4)
