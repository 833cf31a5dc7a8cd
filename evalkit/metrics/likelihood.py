"""What a model thinks of the right answer: log-likelihood, perplexity and bits per byte, from `(targets, scores)`.

A score is the log-likelihood of the whole target, in nats: the sum over its tokens of the log-probability of each. It
is never positive; a positive one is a loss, or a probability, and is refused.

    >>> token_perplexity([[11, 12, 13, 1]], [-4 * math.log(2)])
    {'token_perplexity': 2.0}
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from evalkit import errors
from evalkit.columns import Array
from evalkit.metrics.checks import finite_scores

_ROUNDING = 1e-3  # nats by which a sum of bfloat16 log-probabilities near 0 may end above it


def mean_log_likelihood(targets: Sequence[Any], scores: Any) -> dict[str, float]:
    """The mean score, in nats per example: Σ score / n.

    Range (-∞, 0], higher is better. Longer targets have lower scores; compare models on the same targets only.

    Raises:
      MetricError: not one score per target, none at all, or a score that is not finite or is positive.
    """
    values = _log_likelihoods("mean_log_likelihood", targets, scores)
    return {"mean_log_likelihood": math.fsum(values) / len(values)}


def token_perplexity(targets: Sequence[Any], scores: Any) -> dict[str, float]:
    """exp(−Σ score / Σ tokens), for targets that are sequences of token ids.

    Count in the targets what the scores count: with the end token if that was scored, without padding. Models with
    different vocabularies are compared by `word_perplexity` or `bits_per_byte`. Source: Jelinek et al. 1977. Range
    [1, ∞), lower is better.

    Raises:
      MetricError: as `mean_log_likelihood`; a target is not a sequence; there is no token; the result is too large.
    """
    return {"token_perplexity": _perplexity("token_perplexity", targets, scores, _count_tokens)}


def word_perplexity(targets: Sequence[Any], scores: Any) -> dict[str, float]:
    """exp(−Σ score / Σ words), for targets that are text; words are separated by white space.

    Source: `word_perplexity` of the EleutherAI evaluation harness. Range [1, ∞), lower is better.

    Raises:
      MetricError: as `mean_log_likelihood`; a target is not text; there is no word; the result is too large.
    """
    return {"word_perplexity": _perplexity("word_perplexity", targets, scores, _count_words)}


def bits_per_byte(targets: Sequence[Any], scores: Any) -> dict[str, float]:
    """−Σ score / (Σ UTF-8 bytes · ln 2), for targets that are text: what compressing them with the model would take.

    Source: Gao et al. 2020, "The Pile". Range [0, ∞), lower is better.

    Raises:
      MetricError: as `mean_log_likelihood`; a target is not text; there is no byte.
    """
    return {"bits_per_byte": _per_unit("bits_per_byte", targets, scores, _count_bytes) / math.log(2)}


def _log_likelihoods(metric: str, targets: Sequence[Any], scores: Any) -> Array:
    values = finite_scores(metric, targets, scores)
    positive = np.flatnonzero(values > _ROUNDING)
    if len(positive):
        raise errors.MetricError(
            f"{metric}: score {positive[0]} is {values[positive[0]]}, and a log-likelihood is never positive. Are the "
            "scores losses (negate them), or probabilities (take the logarithm)?"
        )
    return np.minimum(values, 0.0)


def _per_unit(metric: str, targets: Sequence[Any], scores: Any, count: Callable[[Any], int]) -> float:
    values = _log_likelihoods(metric, targets, scores)
    units = 0
    for index, target in enumerate(targets):
        try:
            units += count(target)
        except TypeError as e:
            raise errors.MetricError(f"{metric}: target {index} {e}, found {target!r:.100}.") from e
    if not units:
        raise errors.MetricError(f"{metric}: all {len(values)} targets are empty.")
    return -math.fsum(values) / units


def _perplexity(metric: str, targets: Sequence[Any], scores: Any, count: Callable[[Any], int]) -> float:
    nats = _per_unit(metric, targets, scores, count)
    try:
        return math.exp(nats)
    except OverflowError as e:
        raise errors.MetricError(f"{metric}: exp({nats:.6g}) is too large for a float. Are the scores in nats?") from e


def _count_tokens(target: Any) -> int:
    if not isinstance(target, list | tuple | np.ndarray):
        raise TypeError("must be a sequence of token ids (for text there are word_perplexity and bits_per_byte)")
    return len(target)


def _count_words(target: Any) -> int:
    return len(_text(target).split())


def _count_bytes(target: Any) -> int:
    return len(_text(target).encode())


def _text(target: Any) -> str:
    if not isinstance(target, str):
        raise TypeError("must be a str (for token ids there is token_perplexity)")
    return target
