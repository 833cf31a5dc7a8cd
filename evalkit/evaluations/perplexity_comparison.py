"""Multiple choice: the continuation that a model finds likeliest."""

from __future__ import annotations

import abc
from collections.abc import Mapping
from typing import Any, final

import numpy as np

from evalkit.errors import RowError
from evalkit.evaluations.examples import read_examples
from evalkit.evaluations.inference_job import InferenceJob
from evalkit.evaluations.judgement import counts_of
from evalkit.evaluations.requests import ScoredEvaluation, ScoringRequest
from evalkit.evaluations.result import EvaluationResult
from evalkit.evaluations.texts import encoded
from evalkit.inference.agreement import all_alike
from evalkit.inference.arguments import whole_number
from evalkit.inference.boundaries import EncodedPairs, encode_pairs
from evalkit.inference.measures import choose, means, utf8_bytes
from evalkit.inference.model import Model
from evalkit.inference.span_scores import SpanScores

_VERDICTS = ("correct", "wrong", "tied", "truncated")

Question = tuple[str, list[str], int]


class PerplexityComparisonEvaluation(ScoredEvaluation):
    """Accuracy of choosing the continuation of the least perplexity: of the highest mean log-probability of a token.

    What theseus does otherwise:

    * All tokens of a continuation are scored, and nothing else. There the first one is not, and token 0 is scored
      behind the last, so that choices of one token are not told apart.
    * Of a row that is too long the tail is kept; there the head is, and the continuation is lost.
    * White space at the end of a prefix belongs to the continuation, and a token across the boundary is scored with it
      (`merged_rows`). An empty prefix is BOS; without one, the first token has no score (`unscored_first`).
    * Of k choices that tie, each gets 1/k if the right one is among them; there the first one wins. `tied` counts
      questions in which the right choice ties.
    * Questions are never skipped.
    * Accuracies by the sum (`sum_accuracy`) and by the mean of a byte (`byte_accuracy`) are reported beside the score.
    """

    @abc.abstractmethod
    def get(self, indx: int) -> Question:
        """The prefix, the continuations, and the index of the right one, of an index."""

    @final
    def evaluate(
        self,
        inference: InferenceJob,
        encoding: Any,
        chunk_size: int = 200,
        *,
        limit: int | None = None,
        **kwargs: Any,
    ) -> EvaluationResult:
        """Runs the evaluation.

        Args:
          inference: engine and parameters.
          encoding: a tokenizer with `encode_batch`.
          chunk_size: checked, and without effect: the engine plans its batches.
          limit: takes so many examples, the same ones each time.
          **kwargs: ignored.

        Returns:
          The accuracy. Counts are of questions, and add up: `correct`, `tied`, `truncated` (not answered rightly, and
          not read as a whole) and `wrong`. A row has `index`, `gold`, `chosen` (of several that tie, the first),
          `credit`, `verdict`, and `log_probs` (sums, nats) and `tokens` of its continuations.

        Raises:
          ArgumentError: there is no example, or a number is out of range.
          RowError: a question has no continuation, or not the one that is right; a continuation is empty or longer than
            the model; or an id is outside the vocabulary.
          SourceError: `get` raised.
        """
        whole_number("chunk_size", chunk_size)
        with all_alike("examples of an evaluation"):
            request = self.request(encoding, inference.engine.model, limit=limit)
        scores = inference.engine.score(inference.params, request.rows)
        with all_alike("judgements of an evaluation"):
            return request.result(scores)

    @final
    def request(self, encoding: Any, model: Model, *, limit: int | None = None) -> ScoringRequest:
        """See `ScoredEvaluation`."""
        questions = read_examples(self, self.get, limit)
        _check_right_choices(self.name, questions)
        pairs = [(prefix, text) for prefix, continuations, _ in questions.values() for text in continuations]
        found = encode_pairs(lambda texts: encoded(encoding, texts), pairs, bos_id=model.bos_id)
        return ScoringRequest(found.rows, lambda scores: self._result(questions, found, scores))

    def _result(self, questions: Mapping[int, Question], found: EncodedPairs, scores: SpanScores) -> EvaluationResult:
        sums, counts = scores.sums, scores.counts
        sizes = np.array([len(continuations) for _, continuations, _ in questions.values()])
        golds = np.array([gold for _, _, gold in questions.values()])
        choices = choose(means(sums, counts), sizes)
        credit = choices.credit(golds)
        splits = choices.splits
        truncated = np.logical_or.reduceat(scores.truncated, splits[:-1])
        verdicts = [_verdict(float(part), bool(cut)) for part, cut in zip(credit, truncated, strict=True)]
        rows = tuple(
            {
                "index": index,
                "gold": int(golds[number]),
                "chosen": int(choices.best[number]),
                "credit": float(credit[number]),
                "verdict": verdicts[number],
                "log_probs": sums[splits[number] : splits[number + 1]].tolist(),
                "tokens": counts[splits[number] : splits[number + 1]].tolist(),
            }
            for number, index in enumerate(questions)
        )
        per_byte = means(
            sums, utf8_bytes([text for _, continuations, _ in questions.values() for text in continuations])
        )
        values = {
            "sum_accuracy": float(choose(sums, sizes).credit(golds).mean()),
            "byte_accuracy": float(choose(per_byte, sizes).credit(golds).mean()),
            "tie_rate": choices.tie_rate,
            "truncated_questions": float(truncated.sum()),
            "merged_rows": float(found.merged.sum()),
            "unscored_first": float(found.unscored.sum()),
        }
        return EvaluationResult(self.name, float(credit.mean()), counts_of(verdicts, _VERDICTS), values, rows)


def _verdict(credit: float, truncated: bool) -> str:
    if 0 < credit < 1:
        return "tied"
    if credit == 1:
        return "correct"
    return "truncated" if truncated else "wrong"


def _check_right_choices(name: str, questions: dict[int, Question]) -> None:
    for index, (_, continuations, gold) in questions.items():
        if not 0 <= gold < len(continuations):
            raise RowError(
                f"Evaluation {name!r}, example {index} has {len(continuations)} continuations, and says that number "
                f"{gold} is right."
            )
