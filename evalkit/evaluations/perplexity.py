"""How well a model predicts texts."""

from __future__ import annotations

import abc
from typing import Any, final

import numpy as np

from evalkit.evaluations.evaluation import Evaluation
from evalkit.evaluations.examples import read_examples
from evalkit.evaluations.inference_job import InferenceJob
from evalkit.evaluations.result import EvaluationResult
from evalkit.evaluations.texts import encoded, text_rows
from evalkit.inference.arguments import whole_number
from evalkit.inference.measures import bits_per_byte, perplexity, utf8_bytes
from evalkit.inference.windows import sliding_windows


class PerplexityEvaluation(Evaluation):
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
        examples = read_examples(self, self.get, limit)
        model = inference.engine.model
        texts = list(examples.values())
        found = text_rows(encoded(encoding, texts), model.bos_id)
        windows = sliding_windows(found.rows, model.max_length, stride)
        scores = inference.engine.score(inference.params, windows.rows).joined(windows.sources)
        sums, counts = scores.sums, scores.counts
        value = perplexity(sums, counts)
        values = {"perplexity": value, "tokens": float(counts.sum())}
        if model.bos_id is not None:
            values["bits_per_byte"] = bits_per_byte(sums, utf8_bytes([texts[number] for number in found.kept]))
        numbers = list(examples)
        rows = tuple(
            {"index": numbers[number], "log_prob": float(total), "tokens": int(count)}
            for number, total, count in zip(found.kept, sums, counts, strict=True)
        )
        values["unscored_first"] = float(len(rows) if model.bos_id is None else 0)
        values["windowed_texts"] = float((np.bincount(windows.sources) > 1).sum())
        counts_of_texts = {"total": len(texts), "scored": len(rows), "empty": len(texts) - len(rows)}
        return EvaluationResult(self.name, 1 / value, counts_of_texts, values, rows)
