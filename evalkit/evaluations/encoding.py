"""What a model predicts at each place of a text, given what stands before it there."""

from __future__ import annotations

import abc
from typing import Any, final

from evalkit.evaluations.examples import read_examples
from evalkit.evaluations.inference_job import InferenceJob
from evalkit.evaluations.judgement import judge_answers
from evalkit.evaluations.requests import ScoredEvaluation, ScoringRequest
from evalkit.evaluations.result import EvaluationResult
from evalkit.evaluations.texts import decoded, encoded, text_rows
from evalkit.inference.agreement import all_alike
from evalkit.inference.arguments import whole_number
from evalkit.inference.model import Model
from evalkit.inference.span_scores import SpanScores
from evalkit.inference.windows import sliding_windows


class EncodingEvaluation(ScoredEvaluation):
    """The likeliest token at each place, decoded and compared with the text.

    `check` and `score` may be overridden. What theseus does otherwise:

    * Predictions are of the text's own tokens only; there what is predicted for padding is decoded too.
    * With a BOS, the first token is predicted too, so the prediction is as long as the text.
    * A text for which `clean` or `check` raises is `failed`, and adds nothing to the score; there it ends all.
    * A text that is longer than the model is read in windows; there only its head is read.
    * `score` is given predictions that are cleaned, as `check` is.
    """

    @abc.abstractmethod
    def get(self, indx: int) -> str:
        """The text of an index."""

    @abc.abstractmethod
    def clean(self, y_hat: str) -> str:
        """What of a decoded prediction is compared; an empty string says that there is nothing in it."""

    def check(self, x: str, y_hat: str) -> bool:
        """Whether the cleaned prediction `y_hat` is right for the text `x`: by default, whether they are equal."""
        return x == y_hat

    def score(self, xs: list[str], y_hats: list[str]) -> float:
        """The score of the predictions that did not fail; by default the share for which `check` holds."""
        return sum(self.check(x, y_hat) for x, y_hat in zip(xs, y_hats, strict=True)) / len(xs)

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
          encoding: a tokenizer with `encode_batch` and `decode_batch`.
          chunk_size: checked, and without effect: the engine plans its batches.
          limit: takes so many examples, the same ones each time.
          **kwargs: ignored.

        Returns:
          The score and how often each verdict was given (see `evalkit.evaluations.judgement`); as values the share of
          tokens that are predicted, `token_accuracy`, and how many texts have none to predict, and so an empty
          prediction (`empty_texts`). A row has `index`, `x`, `raw`, `y_hat`, `correct`, `verdict` and perhaps `error`.

        Raises:
          ArgumentError: there is no example, or a number is out of range.
          PostprocessError: `clean` or `check` raised for every example, or `score` raised.
          RowError: nothing can be predicted, or an id is outside the vocabulary.
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
        examples = read_examples(self, self.get, limit)
        found = text_rows(encoded(encoding, list(examples.values())), model.bos_id)
        windows = sliding_windows(found.rows, model.max_length)

        def result(of_windows: SpanScores) -> EvaluationResult:
            scores = of_windows.joined(windows.sources)
            raw = [""] * len(examples)
            for number, text in zip(found.kept, decoded(encoding, scores.best_ids), strict=True):
                raw[number] = text
            judgement = judge_answers(self, examples, raw, [False] * len(raw))
            pairs = zip(examples.items(), judgement.rows, strict=True)
            values = {
                "token_accuracy": float(scores.is_best.values.mean()),
                "empty_texts": float(len(examples) - len(found.kept)),
            }
            rows = tuple({"index": index, "x": x, **row} for (index, x), row in pairs)
            return EvaluationResult(self.name, judgement.score, judgement.counts, values, rows)

        return ScoringRequest(windows.rows, result)
