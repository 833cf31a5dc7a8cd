"""The scores of spans, token by token, and what it took to compute them."""

from __future__ import annotations

import dataclasses
from typing import final

import numpy as np

from evalkit.columns import Array, Ragged, offsets


@final
@dataclasses.dataclass(frozen=True)
class Work:
    """What scoring some rows took.

    Attributes:
      tokens: how many tokens the rows have that must be fed, each row by itself; inputs of an encoder included.
      read_tokens: how many of them were read, what is shared counted once.
      computed_tokens: how many tokens were computed, padding and filler included.
      logit_positions: at how many positions logits were computed, filler included.
      batches: how many batches there were, stems included.
      shapes: how many different ones.
      compiles: how often anything was compiled for it.
    """

    tokens: int = 0
    read_tokens: int = 0
    computed_tokens: int = 0
    logit_positions: int = 0
    batches: int = 0
    shapes: int = 0
    compiles: int = 0


@final
@dataclasses.dataclass(frozen=True)
class SpanScores:
    """The scores of the spans of some rows, in the order of the rows.

    Attributes:
      log_probs: float32, the log-probability (nats) of each token of each span.
      best_ids: int32, what the model finds likeliest in the place of each of these tokens, of several the lowest id.
      is_best: bool, for each of these tokens whether it is that one.
      truncated: bool `[rows]`, whether the beginning of a row was cut off because the model cannot take all of it.
      work: what it took.
    """

    log_probs: Ragged
    best_ids: Ragged
    is_best: Ragged
    truncated: Array
    work: Work = Work()

    def __len__(self) -> int:
        return self.log_probs.num_rows

    @property
    def sums(self) -> Array:
        """float64 `[rows]`: the log-probability of each span, in nats."""
        return np.add.reduceat(self.log_probs.values, self.log_probs.splits[:-1], dtype=np.float64)

    @property
    def counts(self) -> Array:
        """int64 `[rows]`: how many tokens each span has."""
        return self.log_probs.lengths

    @property
    def greedy(self) -> Array:
        """Whether greedy decoding would give each span: bool `[rows]`."""
        return np.logical_and.reduceat(self.is_best.values, self.is_best.splits[:-1])

    def joined(self, sources: Array) -> SpanScores:
        """The scores of rows that were cut into windows (`sliding_windows`).

        Args:
          sources: int64 `[windows]`, of which row each is a window: all those of row 0, then of row 1, and so on.
        """
        firsts = np.searchsorted(sources, np.arange((sources[-1] if len(sources) else -1) + 2))
        splits = self.log_probs.splits[firsts]
        log_probs, best_ids, is_best = (
            Ragged(column.values, splits) for column in (self.log_probs, self.best_ids, self.is_best)
        )
        truncated = np.logical_or.reduceat(self.truncated, firsts[:-1])
        return SpanScores(log_probs, best_ids, is_best, truncated, self.work)

    def only(self, counted: Ragged) -> SpanScores:
        """The scores of those tokens for which `counted`, bool and of the same shape, says so: at least one a row."""
        kept = counted.values
        splits = offsets(np.add.reduceat(kept, counted.splits[:-1], dtype=np.int64))
        log_probs, best_ids, is_best = (
            Ragged(column.values[kept], splits) for column in (self.log_probs, self.best_ids, self.is_best)
        )
        return SpanScores(log_probs, best_ids, is_best, self.truncated, self.work)
