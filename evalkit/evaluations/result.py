"""What an evaluation found: one score, and what stands behind it."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any, final


@final
@dataclasses.dataclass(frozen=True)
class EvaluationResult:
    """The outcome of one evaluation.

    Attributes:
      name: of the evaluation.
      score: higher is better.
      counts: how many examples there were (`total`), and how many of each kind.
      values: other numbers beside the score, by name.
      rows: one mapping an example, in the order of the examples; `index` is its number.
    """

    name: str
    score: float
    counts: Mapping[str, int]
    values: Mapping[str, float]
    rows: tuple[Mapping[str, Any], ...] = dataclasses.field(repr=False)
