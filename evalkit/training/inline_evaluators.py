"""The kinds of evaluator that a training may have, asked in one way: the model's part first, the rest after it.

`ask` is called in the training loop, and is all that needs the model; what it returns is called elsewhere, and judges.
An evaluator that samples asks for more as it goes on: its calls come back to the loop through a client.
"""

from __future__ import annotations

import abc
import dataclasses
import functools
from collections.abc import Callable, Mapping, Sequence
from typing import Any, ClassVar, final

import jax
from absl import logging

from evalkit.columns import Ragged
from evalkit.errors import ArgumentError, EvaluationError
from evalkit.evaluation.evaluator import Evaluator
from evalkit.evaluation.metric_worker import MetricsFuture
from evalkit.evaluation.verdicts import answers_and_endings
from evalkit.evaluations.evaluation import Evaluation
from evalkit.evaluations.inference_job import InferenceJob
from evalkit.evaluations.requests import ScoredEvaluation
from evalkit.evaluations.result import EvaluationResult
from evalkit.evaluations.rollout import RolloutEvaluation
from evalkit.evaluations.texts import decoded
from evalkit.inference.engine import Engine
from evalkit.inference.model import Tree
from evalkit.inference.sampling import SamplingParams
from evalkit.inference.stop_strings import Decode
from evalkit.metrics.counts import EvalCounts
from evalkit.metrics.metric import ModelOutputType
from evalkit.training.inline_record import Finding
from evalkit.training.loop_calls import LoopCalls

Judge = Callable[[], Finding]
ModelFns = Callable[[Tree], Mapping[str, Any]]


@final
@dataclasses.dataclass(frozen=True)
class ModelAccess:
    """How evaluators reach the model, whatever its parameters are.

    Attributes:
      engine: computes; None where `model_fns` do.
      model_fns: gives the model functions of an Evaluator for parameters; None where the engine does.
      encoding: the tokenizer of evaluations and clients.
      sampling: how answers are generated; None is greedily.
      calls: for clients, makes calls in the training loop; None where there is no loop to be minded.

    Raises:
      ArgumentError: `sampling` asks for several answers.
    """

    engine: Engine | None
    model_fns: ModelFns | None
    encoding: Any
    sampling: SamplingParams | None
    calls: LoopCalls | None = None

    def __post_init__(self) -> None:
        if self.sampling is not None and self.sampling.num_samples != 1:
            raise ArgumentError(
                f"sampling is for one answer to each example; num_samples is {self.sampling.num_samples}. An evaluator "
                "that wants several asks a client."
            )

    @property
    def decode(self) -> Decode | None:
        """What ids decode to; None without a tokenizer."""
        return None if self.encoding is None else self._text

    def engine_for(self, name: str) -> Engine:
        """The engine.

        Raises:
          ArgumentError: there is none.
        """
        if self.engine is None:
            raise ArgumentError(f"Evaluator {name!r} needs an engine. Pass engine_builder to InlineEvaluation.")
        return self.engine

    def functions(self, name: str, params: Tree) -> dict[str, Any]:
        """The model functions for `Evaluator.evaluate`, by its arguments."""
        if self.model_fns is not None:
            return dict(self.model_fns(params))
        engine, decode = self.engine_for(name), self.decode
        return {
            "predict_fn": answers_and_endings(engine.predict_with_aux_fn(params, self.sampling, decode)),
            "score_fn": engine.score_fn(params),
            "predict_with_aux_fn": engine.predict_with_aux_fn(params, self.sampling, decode),
            "model_fns": {ModelOutputType.SCORE_WITH_INTERMEDIATES: engine.score_fn(params, intermediates=True)},
        }

    def _text(self, ids: Sequence[int]) -> str:
        return decoded(self.encoding, Ragged.from_rows([ids]))[0]


class InlineEvaluator(abc.ABC):
    """An evaluator of a training.

    Attributes:
      keeps_params: whether parameters are used after `ask` has returned.
    """

    keeps_params: ClassVar[bool] = False

    @property
    @abc.abstractmethod
    def name(self) -> str:
        """What its results are called by."""

    @abc.abstractmethod
    def ask(self, step: int, params: Tree) -> Judge:
        """Asks the model, and returns what judges the outputs; both raise what may go wrong."""

    @abc.abstractmethod
    def close(self) -> None:
        """Waits for what goes on, and lets go of files."""


@final
class TaskEvaluator(InlineEvaluator):
    """An `Evaluator`, which judges on a thread of its own."""

    def __init__(self, name: str, evaluator: Evaluator, model: ModelAccess) -> None:
        """Takes the evaluator.

        Raises:
          ArgumentError: there are no model functions, or nothing to evaluate.
        """
        self._name, self._evaluator, self._model = name, evaluator, model
        if model.model_fns is None:
            model.engine_for(name)
        if not evaluator.eval_tasks:
            raise ArgumentError(f"Evaluator {name!r} has no task with metrics and the split: it would find nothing.")

    @property
    def name(self) -> str:
        """See `InlineEvaluator`."""
        return self._name

    def ask(self, step: int, params: Tree) -> Judge:
        """See `InlineEvaluator`."""
        functions = self._model.functions(self._name, params)
        first = jax.process_index() == 0  # it alone computes metrics
        future, _ = self._evaluator.evaluate(compute_metrics=first, step=step, **functions)
        return functools.partial(_finding_of_tasks, future)

    def close(self) -> None:
        """See `InlineEvaluator`."""
        try:
            self._evaluator.close()
        except EvaluationError as failures:  # those of its steps are in their records
            logging.error("Evaluator %r: %s", self._name, failures)


def _finding_of_tasks(future: MetricsFuture) -> Finding:
    try:
        return Finding(future.result() or {}, future.counts)
    except EvaluationError as failures:
        return Finding(failures.metrics, future.counts, failures)


@final
class WrittenEvaluation(InlineEvaluator):
    """An `Evaluation`, whose examples are read and encoded once."""

    def __init__(self, name: str, evaluation: Evaluation, model: ModelAccess) -> None:
        """Reads the examples.

        Raises:
          ArgumentError: there is no engine, or no example.
          RowError: rows cannot be scored.
          SourceError: `get` raised.
        """
        self._name, self._evaluation, self._model = name, evaluation, model
        self._asking = self._prepared(model.engine_for(name))

    @property
    def name(self) -> str:
        """See `InlineEvaluator`."""
        return self._name

    def ask(self, step: int, params: Tree) -> Judge:
        """See `InlineEvaluator`."""
        result = self._asking(params)
        return lambda: self._finding(result())

    def close(self) -> None:
        """See `InlineEvaluator`: nothing is open."""

    def _prepared(self, engine: Engine) -> Callable[[Tree], Callable[[], EvaluationResult]]:
        evaluation, encoding = self._evaluation, self._model.encoding
        if isinstance(evaluation, RolloutEvaluation):
            answers = evaluation.request(encoding)

            def generate(params: Tree) -> Callable[[], EvaluationResult]:
                new = evaluation.max_new_tokens(InferenceJob(engine, params))
                sampling = dataclasses.replace(self._model.sampling or SamplingParams(new), max_new_tokens=new)
                found = engine.generate(params, answers.prompts, sampling, self._model.decode)
                return functools.partial(evaluation.result, answers, encoding, found)

            return generate
        if isinstance(evaluation, ScoredEvaluation):
            scored = evaluation.request(encoding, engine.model)
            return lambda params: functools.partial(scored.result, engine.score(params, scored.rows))
        # A kind of its own, which asks when it likes.
        return lambda params: functools.partial(_same, evaluation.evaluate(InferenceJob(engine, params), encoding))

    def _finding(self, result: EvaluationResult) -> Finding:
        counts = EvalCounts.of(result.counts["total"], result.counts)
        return Finding({self._name: {"score": result.score, **result.values}}, {self._name: counts})


def _same(result: EvaluationResult) -> EvaluationResult:
    return result
