"""What an evaluation asks of a model, apart from how the model is run: by an engine at once, or task by task."""

from __future__ import annotations

import abc
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from evalkit.evaluations.evaluation import Evaluation
from evalkit.evaluations.judgement import Judgement
from evalkit.evaluations.result import EvaluationResult
from evalkit.inference.model import Model
from evalkit.inference.prompts import Prompts
from evalkit.inference.span_scores import SpanScores
from evalkit.inference.spans import Rows


class ScoringRequest(NamedTuple):
    """Rows to be scored.

    Attributes:
      rows: the rows.
      result: what their scores say.
    """

    rows: Rows
    result: Callable[[SpanScores], EvaluationResult]


class AnswerRequest(NamedTuple):
    """Prompts to be answered.

    Attributes:
      prompts: the prompts, numbered as their examples.
      texts: of each, the prompt and the expected answer, by the number of the example.
      judge: the verdicts on the texts of the answers, given of which prompts the model has not read all, and which
        answers ran out of tokens.
    """

    prompts: Prompts
    texts: dict[int, tuple[str, str]]
    judge: Callable[[Sequence[str], Sequence[bool], Sequence[bool] | None], Judgement]


class ScoredEvaluation(Evaluation):
    """An evaluation for which a model scores rows."""

    @abc.abstractmethod
    def request(self, encoding: Any, model: Model, *, limit: int | None = None) -> ScoringRequest:
        """The rows, and what to make of their scores; arguments and errors as those of `evaluate`."""
