"""How well a model predicts texts."""

from __future__ import annotations

import abc
from collections.abc import Mapping
from typing import Any, final

import numpy as np

from evalkit.columns import Array
from evalkit.evaluations.examples import read_examples
from evalkit.evaluations.inference_job import InferenceJob
from evalkit.evaluations.requests import ScoredEvaluation, ScoringRequest
from evalkit.evaluations.result import EvaluationResult
from evalkit.evaluations.texts import encoded, text_rows
from evalkit.inference.agreement import all_alike
from evalkit.inference.arguments import whole_number
from evalkit.inference.measures import bits_per_byte, perplexity, utf8_bytes
from evalkit.inference.model import Model
from evalkit.inference.span_scores import SpanScores
from evalkit.inference.windows import sliding_windows


class PerplexityEvaluation(ScoredEvaluation):
    """The perplexity of a corpus; its inverse is the score, so that higher is better.

    What theseus does otherwise:

    * The first token is scored too, behind BOS. Without a BOS it cannot be, and `unscored_first` counts these texts.
    * Texts that are longer than the model are read in windows, each token scored once; there the rest is dropped.
    * A text in which nothing can be scored counts as `empty`, and has no perplexity; there it has the perplexity 1.
    * Rows are padded at their ends, so scores do not depend on the longest text.
    * The perplexity itself is reported beside the score (`values["perplexity"]`).
    """

    @abc.abstractmethod
    def get(self, indx: int) -> str:
        """The text of an index."""

    @final
    def evaluate(
        self,
        inference: InferenceJob,
        encoding: Any,
        chunk_size: int = 200,
        *,
        stride: int | None = None,
        limit: int | None = None,
        **kwargs: Any,
    ) -> EvaluationResult:
        """Runs the evaluation.

        Args:
          inference: engine and parameters.
          encoding: a tokenizer with `encode_batch`.
          chunk_size: checked, and without effect: the engine plans its batches.
          stride: how many tokens each further window of a long text scores; see `sliding_windows`.
          limit: takes so many examples, the same ones each time.
          **kwargs: ignored.

        Returns:
          1/perplexity; how many texts were `scored` and how many are `empty`; as values `perplexity`, `tokens` and,
          where all tokens are scored, `bits_per_byte`, and how many texts lack the first token (`unscored_first`) and
          how many were read in windows (`windowed_texts`). A row has `index`, `log_prob` (nats, of the text) and
          `tokens`.

        Raises:
          ArgumentError: there is no example, or a number is out of range.
          RowError: nothing can be scored, or an id is outside the vocabulary.
          SourceError: `get` raised.
        """
        whole_number("chunk_size", chunk_size)
        with all_alike("examples of an evaluation"):
            request = self.request(encoding, inference.engine.model, limit=limit, stride=stride)
        scores = inference.engine.score(inference.params, request.rows)
        with all_alike("judgements of an evaluation"):
            return request.result(scores)

    @final
    def request(
        self, encoding: Any, model: Model, *, limit: int | None = None, stride: int | None = None
    ) -> ScoringRequest:
        """See `ScoredEvaluation`."""
        examples = read_examples(self, self.get, limit)
        found = text_rows(encoded(encoding, list(examples.values())), model.bos_id)
        windows = sliding_windows(found.rows, model.max_length, stride)
        return ScoringRequest(
            windows.rows, lambda scores: self._result(examples, found.kept, model, windows.sources, scores)
        )

    def _result(
        self, examples: Mapping[int, str], kept: Array, model: Model, sources: Array, of_windows: SpanScores
    ) -> EvaluationResult:
        scores = of_windows.joined(sources)
        sums, counts = scores.sums, scores.counts
        numbers, texts = list(examples), list(examples.values())
        rows = tuple(
            {"index": numbers[number], "log_prob": float(total), "tokens": int(count)}
            for number, total, count in zip(kept, sums, counts, strict=True)
        )
        value = perplexity(sums, counts)
        values = {
            "perplexity": value,
            "tokens": float(counts.sum()),
            "unscored_first": float(len(rows) if model.bos_id is None else 0),
            "windowed_texts": float((np.bincount(sources) > 1).sum()),
        }
        if model.bos_id is not None:
            values["bits_per_byte"] = bits_per_byte(sums, utf8_bytes([texts[number] for number in kept]))
        of_texts = {"total": len(texts), "scored": len(rows), "empty": len(texts) - len(rows)}
        return EvaluationResult(self.name, 1 / value, of_texts, values, rows)
