"""Rows that are longer than the model: their tails, or windows over all of them.

Of a row that is too long, the tail is kept: the question stands there, and the span that is scored. A span is never
cut: one that is longer than the model is an error, or is read in windows, each token scored exactly once and with as
much context as there is room for.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from evalkit.columns import Array
from evalkit.errors import ArgumentError, RowError
from evalkit.inference.arguments import whole_number
from evalkit.inference.spans import Rows, slices


class Tails(NamedTuple):
    """Rows of which the model can take all, and bool `[rows]`: of which ones the beginning was cut off."""

    rows: Rows
    truncated: Array


class Windows(NamedTuple):
    """Rows cut into windows.

    Attributes:
      rows: the windows, each a row; those of one row follow each other, their spans too.
      sources: int64 `[windows]`, of which row each is a window; never decreases.
    """

    rows: Rows
    sources: Array


def keep_tails(rows: Rows, max_length: int, input_limit: int = 0) -> Tails:
    """Cuts off the beginnings of rows and inputs that are too long.

    Args:
      rows: any rows. The last token of a span is not fed, so a row of `max_length + 1` tokens still fits.
      max_length: how many tokens of a row the model can be fed.
      input_limit: how many tokens its encoder can take; without inputs it does not matter.

    Raises:
      RowError: a span has more than `max_length` tokens.

    Example:
      >>> tails = keep_tails(Rows.of([[1, 2, 3, 4, 5, 6], [1, 2]], starts=[4, 1]), max_length=3)
      >>> tails.rows.tokens.row(0).tolist(), tails.rows.starts.tolist(), tails.truncated.tolist()
      ([3, 4, 5, 6], [2, 1], [True, False])
    """
    long = rows.counts > max_length
    if long.any():
        row = int(np.argmax(long))
        raise RowError(
            f"Row {row} of {len(rows)}: its span has {rows.counts[row]} tokens, and the model takes {max_length}; a "
            "span is not cut. Shorten it, or read it in windows (sliding_windows)."
        )
    begins = np.maximum(rows.fed_lengths - max_length, 0)
    truncated = begins > 0
    if rows.inputs is not None:
        truncated |= rows.inputs.lengths > input_limit
    if not truncated.any():
        return Tails(rows, truncated)
    everything = np.arange(len(rows))
    inputs = rows.inputs
    if inputs is not None:
        inputs = slices(inputs, everything, np.maximum(inputs.lengths - input_limit, 0), inputs.lengths)
    tokens = slices(rows.tokens, everything, begins, rows.ends)
    return Tails(Rows(tokens, rows.starts - begins, rows.ends - begins, inputs), truncated)


def sliding_windows(rows: Rows, max_length: int, stride: int | None = None) -> Windows:
    """Windows over the spans of rows, so that each token is scored once; a row that fits is one window.

    The first window of a row scores as much as fits; each further one scores the next `stride` tokens, behind
    `max_length - stride` tokens of context and the one that predicts the first.

    Args:
      rows: of a decoder-only model.
      max_length: how many tokens of a row the model can be fed.
      stride: how many tokens a further window scores, at most `max_length`; a small one gives each token more context
        and costs more. Half of `max_length` by default.

    Raises:
      ArgumentError: `stride` is less than 1 or more than `max_length`; or the rows have inputs.

    Example:
      >>> windows = sliding_windows(Rows.of([[0, 1, 2, 3, 4, 5, 6]], starts=[1]), max_length=4, stride=2)
      >>> windows.rows.tokens.row(0).tolist(), windows.rows.tokens.row(1).tolist(), windows.rows.starts.tolist()
      ([0, 1, 2, 3, 4], [2, 3, 4, 5, 6], [1, 3])
    """
    stride = max(max_length // 2, 1) if stride is None else whole_number("stride", stride)
    if stride > max_length:
        raise ArgumentError(f"stride must be at most max_length, {max_length}; found {stride}.")
    if rows.inputs is not None:
        raise ArgumentError("Windows are for decoder-only models, and the rows have inputs.")
    firsts = np.minimum(rows.ends, np.maximum(max_length + 1, rows.starts + stride))  # where the first window ends
    counts = 1 - (firsts - rows.ends) // stride
    sources = np.repeat(np.arange(len(rows)), counts)
    number = np.arange(len(sources)) - np.repeat(np.cumsum(counts) - counts, counts)
    ends = np.minimum(firsts[sources] + number * stride, rows.ends[sources])
    starts = np.where(number == 0, rows.starts[sources], firsts[sources] + (number - 1) * stride)
    begins = np.maximum(ends - 1 - max_length, 0)
    return Windows(Rows(slices(rows.tokens, sources, begins, ends), starts - begins, ends - begins), sources)
