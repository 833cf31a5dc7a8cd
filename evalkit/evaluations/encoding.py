"""What a model predicts at each place of a text, given what stands before it there."""

from __future__ import annotations

import abc
from typing import Any, final

from evalkit.evaluations.evaluation import Evaluation
from evalkit.evaluations.examples import judged, read_examples
from evalkit.evaluations.inference_job import InferenceJob
from evalkit.evaluations.result import EvaluationResult
from evalkit.evaluations.texts import decoded, encoded, text_rows
from evalkit.inference.arguments import whole_number
from evalkit.inference.windows import sliding_windows


class EncodingEvaluation(Evaluation):
    """The likeliest token at each place, decoded and compared with the text.

    `check` and `score` may be overridden. What theseus does otherwise:

    * Predictions are of the text's own tokens only; there what is predicted for padding is decoded too.
    * With a BOS, the first token is predicted too, so the prediction is as long as the text.
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
        """The score of all texts and cleaned predictions; by default the share for which `check` holds."""
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
          The score, with the share of tokens that are predicted as `token_accuracy`. A row has `index`, `x`, `raw`,
          `y_hat` and `correct`. A text without a token to predict has an empty prediction.

        Raises:
          ArgumentError: there is no example, or a number is out of range.
          PostprocessError: `clean` or `check` raised; it names the example.
          RowError: nothing can be predicted, or an id is outside the vocabulary.
          SourceError: `get` raised.
        """
        whole_number("chunk_size", chunk_size)
        examples = read_examples(self, self.get, limit)
        model = inference.engine.model
        xs = list(examples.values())
        found = text_rows(encoded(encoding, xs), model.bos_id)
        windows = sliding_windows(found.rows, model.max_length)
        scores = inference.engine.score(inference.params, windows.rows).joined(windows.sources)
        raw = [""] * len(xs)
        for number, text in zip(found.kept, decoded(encoding, scores.best_ids), strict=True):
            raw[number] = text
        rows: list[dict[str, Any]] = []
        for (index, x), text in zip(examples.items(), raw, strict=True):
            y_hat = judged(self, index, self.clean, text)
            correct = bool(judged(self, index, self.check, x, y_hat))
            rows.append({"index": index, "x": x, "raw": text, "y_hat": y_hat, "correct": correct})
        right = sum(row["correct"] for row in rows)
        unparsed = sum(not row["correct"] and not row["y_hat"] for row in rows)
        counts = {
            "total": len(rows),
            "correct": right,
            "wrong": len(rows) - right - unparsed,
            "unparsed": unparsed,
            "empty": len(xs) - len(found.kept),
        }
        values = {"token_accuracy": float(scores.is_best.values.mean())}
        return EvaluationResult(
            self.name, float(self.score(xs, [row["y_hat"] for row in rows])), counts, values, tuple(rows)
        )
