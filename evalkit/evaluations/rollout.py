"""What a model answers to prompts."""

from __future__ import annotations

import abc
import functools
from typing import Any, final

from evalkit.evaluations.evaluation import Evaluation
from evalkit.evaluations.examples import read_examples
from evalkit.evaluations.inference_job import InferenceJob
from evalkit.evaluations.judgement import judge_answers
from evalkit.evaluations.requests import AnswerRequest
from evalkit.evaluations.result import EvaluationResult
from evalkit.evaluations.texts import decoded, encoded
from evalkit.inference.agreement import all_alike
from evalkit.inference.arguments import whole_number
from evalkit.inference.generations import Generations
from evalkit.inference.prompts import Prompts
from evalkit.inference.sampling import SamplingParams


class RolloutEvaluation(Evaluation):
    """Answers that are generated, cleaned, and compared with the expected ones.

    `check`, `score` and `max_new_tokens` may be overridden. What theseus does otherwise:

    * Of a prompt that is too long the tail is kept, where the question stands; there the head is.
    * An answer ends at a stop id, which is not part of its text; there all tokens are always generated.
    * `top_p` keeps the smallest set of tokens whose probability is at least `top_p`; there one token fewer.
    * Draws depend on the seed and the number of the example; there examples in different chunks share them.
    * An answer for which `clean` or `check` raises is `failed`, and adds nothing to the score; there it ends all.
    * `clean` is given the answer alone, and never the prompt.
    * `max_new_tokens` is half of the longest row by default; all of it, as there, leaves no room for a prompt.
    """

    @abc.abstractmethod
    def get(self, indx: int) -> tuple[str, str]:
        """The prompt and the expected answer of an index."""

    @abc.abstractmethod
    def clean(self, y_hat: str) -> str:
        """What of a generated answer is compared; an empty string says that there is no answer in it."""

    def check(self, y: str, y_hat: str) -> bool:
        """Whether the cleaned answer `y_hat` is right: by default, whether it is equal to `y`."""
        return y == y_hat

    def score(self, ys: list[str], y_hats: list[str]) -> float:
        """The score of the answers that did not fail, expected and cleaned; by default the share for which `check`
        holds.
        """
        return sum(self.check(y, y_hat) for y, y_hat in zip(ys, y_hats, strict=True)) / len(ys)

    def max_new_tokens(self, inference: InferenceJob) -> int:
        """How many tokens an answer may have; most evaluations need far fewer than the default."""
        return max(inference.engine.model.max_length // 2, 1)

    @final
    def evaluate(
        self,
        inference: InferenceJob,
        encoding: Any,
        temperature: float = 0.0,
        top_p: float = 1.0,
        chunk_size: int = 200,
        *,
        seed: int = 0,
        limit: int | None = None,
        **kwargs: Any,
    ) -> EvaluationResult:
        """Runs the evaluation.

        Args:
          inference: engine and parameters.
          encoding: a tokenizer with `encode_batch` and `decode_batch`.
          temperature: 0 is greedy.
          top_p: draws from the smallest set of tokens that has this probability.
          chunk_size: checked, and without effect: the engine plans its batches.
          seed: what draws begin from.
          limit: takes so many examples, the same ones each time.
          **kwargs: ignored.

        Returns:
          The score and how often each verdict was given (see `evalkit.evaluations.judgement`); as values
          `tokens_per_answer`, and how many prompts did not fit (`truncated_prompts`) and how many answers ran out of
          tokens (`unfinished_answers`). A row has `index`, `prompt`, `y`, `raw`, `y_hat`, `correct`, `verdict`, perhaps
          `error`, `truncated` and `finish_reason`.

        Raises:
          ArgumentError: there is no example, a number is out of range, or there is no room for a prompt.
          PostprocessError: `clean` or `check` raised for every example, or `score` raised.
          RowError: an id is outside the vocabulary, or a prompt is empty and there is no BOS.
          SourceError: `get` raised.
        """
        whole_number("chunk_size", chunk_size)
        sampling = SamplingParams(self.max_new_tokens(inference), temperature=temperature, top_p=top_p, seed=seed)
        with all_alike("examples of an evaluation"):
            request = self.request(encoding, limit=limit)
        found = inference.engine.generate(inference.params, request.prompts, sampling)
        with all_alike("judgements of an evaluation"):
            return self.result(request, encoding, found)

    @final
    def result(self, request: AnswerRequest, encoding: Any, found: Generations) -> EvaluationResult:
        """What the answers to a request say; needs no model, so that it can be done beside one.

        Args:
          request: of this evaluation.
          encoding: the tokenizer that the request was made with.
          found: one answer to each of its prompts.

        Raises:
          PostprocessError: `clean` or `check` raised for every example, or `score` raised.
          RowError: the tokenizer cannot decode an answer.
        """
        truncated = found.truncated.tolist()
        unfinished = [reason == "length" for reason in found.finish_reasons]
        judgement = request.judge(decoded(encoding, found.answers), truncated, unfinished)
        rows = tuple(
            {"index": index, "prompt": prompt, "y": y, **row, "truncated": cut, "finish_reason": reason}
            for (index, (prompt, y)), row, cut, reason in zip(
                request.texts.items(), judgement.rows, truncated, found.finish_reasons, strict=True
            )
        )
        values = {
            "tokens_per_answer": float(found.tokens.lengths.mean()),
            "truncated_prompts": float(sum(truncated)),
            "unfinished_answers": float(found.finish_reasons.count("length")),
        }
        return EvaluationResult(self.name, judgement.score, judgement.counts, values, rows)

    @final
    def request(self, encoding: Any, *, limit: int | None = None) -> AnswerRequest:
        """The prompts, and how answers to them are judged; arguments and errors as those of `evaluate`."""
        texts = read_examples(self, self.get, limit)
        prompts = Prompts(encoded(encoding, [prompt for prompt, _ in texts.values()]), examples=list(texts))
        ys = {index: y for index, (_, y) in texts.items()}
        return AnswerRequest(prompts, texts, functools.partial(judge_answers, self, ys))
