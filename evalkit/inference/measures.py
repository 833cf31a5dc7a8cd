"""What is made of log-probabilities: means, perplexity, bits per byte, and the choice among several continuations.

Everything is computed in float64 from the sums and counts of `SpanScores`. Log-probabilities are in nats.

    >>> choices = choose(np.array([-3.0, -1.0, -2.0, -2.0]), np.array([2, 2]))
    >>> choices.best.tolist(), choices.num_best.tolist(), choices.tie_rate
    ([1, 0], [1, 2], 0.5)
"""

from __future__ import annotations

import dataclasses
import math
from typing import Any, final

import numpy as np

from evalkit.columns import Array, offsets
from evalkit.errors import ArgumentError


def means(sums: Any, sizes: Any) -> Array:
    """float64 `[rows]`: each sum divided by the size of what it is the sum of.

    Args:
      sums: of log-probabilities, one a row.
      sizes: one a row: `SpanScores.counts` for the mean of a token, `utf8_bytes` of the texts for the mean of a byte
        (`acc_norm` of the EleutherAI evaluation harness). Continuations of different lengths are compared by these
        with a bias of one kind, and by sums with another; neither is right for everything.

    Raises:
      ArgumentError: not one size a sum, or a size that is not positive.
    """
    sums, sizes = np.asarray(sums, np.float64), np.asarray(sizes, np.float64)
    if sums.shape != sizes.shape:
        raise ArgumentError(f"There must be one size a sum; found {sizes.shape} sizes for {sums.shape} sums.")
    if not (sizes > 0).all():
        row = int(np.argmin(sizes > 0))
        raise ArgumentError(f"Sizes must be positive; the size of row {row} is {sizes[row]}.")
    return np.asarray(sums / sizes)


def utf8_bytes(texts: Any) -> Array:
    """int64 `[texts]`: how many bytes each text has in UTF-8."""
    return np.array([len(text.encode()) for text in texts], np.int64)


def perplexity(sums: Any, counts: Any) -> float:
    """The perplexity of a corpus, exp(−Σ sums / Σ counts); infinite where that is too large for a float.

    It is not the mean of the perplexities of documents, which short documents dominate. Source: Jelinek et al. 1977.
    Range [1, ∞], lower is better.

    Raises:
      ArgumentError: no token was scored.
    """
    nats = -_total(sums) / _units("token was scored", counts)
    return math.exp(nats) if nats < math.log(np.finfo(np.float64).max) else math.inf


def bits_per_byte(sums: Any, num_bytes: Any) -> float:
    """−Σ sums / (Σ bytes · ln 2): comparable between models of different vocabularies.

    Source: Gao et al. 2020, "The Pile". Range [0, ∞), lower is better.

    Raises:
      ArgumentError: the texts have no byte.
    """
    return -_total(sums) / (_units("byte is in the texts", num_bytes) * math.log(2))


def pointwise_information(sums: Any, unconditional_sums: Any) -> Array:
    """float64 `[rows]`: how much likelier the context makes each continuation, log p(y | x) − log p(y).

    It takes away the advantage of continuations that are frequent anywhere. Source: Holtzman et al. 2021,
    arXiv:2104.08315.

    Args:
      sums: of the continuations behind their contexts.
      unconditional_sums: of the same continuations behind a context that tells nothing (BOS, or "Answer:").

    Raises:
      ArgumentError: not one of the latter for each of the former.
    """
    sums, unconditional = np.asarray(sums, np.float64), np.asarray(unconditional_sums, np.float64)
    if sums.shape != unconditional.shape:
        raise ArgumentError(f"There must be two sums a row; found {sums.shape} and {unconditional.shape}.")
    return np.asarray(sums - unconditional)


@final
@dataclasses.dataclass(frozen=True)
class Choices:
    """What was chosen in each question.

    Attributes:
      best: int64 `[questions]`: the choice of the highest value; of several that tie, the first.
      is_best: bool `[rows]`: whether a row has the highest value of its question.
      splits: int64 `[questions + 1]`: where the rows of each question begin.
    """

    best: Array
    is_best: Array
    splits: Array

    @property
    def num_best(self) -> Array:
        """int64 `[questions]`: how many choices tie for the highest value; 1 where there is no tie."""
        return np.add.reduceat(self.is_best, self.splits[:-1], dtype=np.int64)

    @property
    def tie_rate(self) -> float:
        """The share of questions with a tie; many mean that the scores do not tell the choices apart."""
        return float(np.mean(self.num_best > 1))

    def credit(self, gold: Any) -> Array:
        """float64 `[questions]`: 1 for a right choice; of k that tie, 1/k if the right one is among them.

        So the place of the right choice gives no advantage, and equal values for everything give chance.

        Args:
          gold: `[questions]`: which choice is right.

        Raises:
          ArgumentError: not one for each question, or one that a question does not have.
        """
        gold, sizes = np.asarray(gold, np.int64), np.diff(self.splits)
        if gold.shape != sizes.shape:
            raise ArgumentError(f"There must be one right choice a question, {len(sizes)}; found shape {gold.shape}.")
        wrong = (gold < 0) | (gold >= sizes)
        if wrong.any():
            question = int(np.argmax(wrong))
            raise ArgumentError(f"Question {question} has {sizes[question]} choices, and no choice {gold[question]}.")
        return np.where(self.is_best[self.splits[:-1] + gold], 1 / self.num_best, 0.0)


def choose(values: Any, sizes: Any) -> Choices:
    """The best choice of each question.

    Args:
      values: `[rows]`, sums, means or pointwise information of all choices, those of one question next to each other.
      sizes: `[questions]`: how many choices each question has.

    Raises:
      ArgumentError: there is no question; or one without choices; or the sizes do not add up to the values; or a value
        is NaN.
    """
    values, sizes = np.asarray(values, np.float64), np.asarray(sizes, np.int64)
    if not len(sizes) or (sizes < 1).any():
        found = f"question {int(np.argmin(sizes))} has {sizes.min()}" if len(sizes) else "there is no question"
        raise ArgumentError(f"Every question must have a choice; {found}.")
    splits = offsets(sizes)
    if splits[-1] != len(values):
        raise ArgumentError(f"The questions have {splits[-1]} choices, and there are {len(values)} values.")
    if np.isnan(values).any():
        raise ArgumentError(f"Value {int(np.argmax(np.isnan(values)))} of {len(values)} is NaN.")
    is_best = values == np.repeat(np.maximum.reduceat(values, splits[:-1]), sizes)
    first = np.flatnonzero(is_best)
    return Choices(first[np.searchsorted(first, splits[:-1])] - splits[:-1], is_best, splits)


def _total(sums: Any) -> float:
    return math.fsum(np.asarray(sums, np.float64).ravel())


def _units(what: str, counts: Any) -> int:
    total = int(np.asarray(counts, np.int64).sum())
    if total <= 0:
        raise ArgumentError(f"No {what}: there is nothing to divide by.")
    return total
