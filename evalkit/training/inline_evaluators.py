"""The kinds of evaluator that a training may have, asked in one way: the model's part first, the rest after it.

`ask` is called in the training loop, and is all that needs the model; what it returns is called elsewhere, and judges.
An evaluator that samples asks for more as it goes on: its calls come back to the loop through a client.
"""

from __future__ import annotations

import abc
import dataclasses
import functools
from collections.abc import Callable
from typing import ClassVar, final

import jax
from absl import logging

from evalkit.columns import Columns, columns_of
from evalkit.errors import ArgumentError, EvaluationError
from evalkit.evaluation.evaluator import Evaluator
from evalkit.evaluation.metric_worker import MetricsFuture
from evalkit.evaluations.evaluation import Evaluation
from evalkit.evaluations.inference_job import InferenceJob
from evalkit.evaluations.requests import ScoredEvaluation
from evalkit.evaluations.result import EvaluationResult
from evalkit.evaluations.rollout import RolloutEvaluation
from evalkit.inference.engine import Engine
from evalkit.inference.model import Tree
from evalkit.inference.sampling import SamplingParams
from evalkit.metrics.counts import EvalCounts
from evalkit.training.inline_part import Facts, Part, fingerprint_of
from evalkit.training.inline_record import Finding
from evalkit.training.model_access import ModelAccess

Judge = Callable[[], Finding]


class InlineEvaluator(abc.ABC):
    """An evaluator of a training, or a part of one.

    Attributes:
      keeps_params: whether parameters are used after `ask` has returned.
      part: what its results are called by.
      facts: what is known of it.
    """

    keeps_params: ClassVar[bool] = False
    part: Part
    facts: Facts

    @abc.abstractmethod
    def ask(self, step: int, params: Tree) -> Judge:
        """Asks the model, and returns what judges the outputs; both raise what may go wrong."""

    @abc.abstractmethod
    def close(self) -> None:
        """Waits for what goes on, and lets go of files."""

    @abc.abstractmethod
    def abandon(self) -> None:
        """Lets the process end, whatever goes on."""


@final
class TaskEvaluator(InlineEvaluator):
    """One task of an `Evaluator`, which judges on a thread of its own."""

    def __init__(self, name: str, evaluator: Evaluator, task: str, model: ModelAccess) -> None:
        """Takes the Evaluator, which may have other tasks, too.

        Raises:
          ArgumentError: there are no model functions.
        """
        self.part = Part(name, task)
        self._evaluator, self._model = evaluator, model
        if model.model_fns is None:
            model.engine_for(name)
        [definition] = [each for each in evaluator.eval_tasks if each.name == task]
        dataset = evaluator.cached_task_datasets[task]
        columns = columns_of(dataset) or Columns({})
        judging = definition.metric_objs, definition.output_features, evaluator.sequence_length
        examples = [(key, columns[key]) for key in sorted(columns)]
        self.facts = Facts({task: len(dataset)}, fingerprint_of(judging, examples, model.encoding, model.sampling))

    @classmethod
    def of_all_tasks(cls, name: str, evaluator: Evaluator, model: ModelAccess) -> list[TaskEvaluator]:
        """One for each task.

        Raises:
          ArgumentError: there is none, or there are no model functions.
        """
        if not evaluator.eval_tasks:
            raise ArgumentError(f"Evaluator {name!r} has no task with metrics and the split: it would find nothing.")
        return [cls(name, evaluator, task.name, model) for task in evaluator.eval_tasks]

    def ask(self, step: int, params: Tree) -> Judge:
        """See `InlineEvaluator`."""
        functions = self._model.functions(self.part.evaluator, params)
        first = jax.process_index() == 0  # it alone computes metrics
        future, _ = self._evaluator.evaluate(compute_metrics=first, step=step, tasks=[self.part.task], **functions)
        return functools.partial(_finding_of_task, future)

    def close(self) -> None:
        """See `InlineEvaluator`."""
        try:
            self._evaluator.close()
        except EvaluationError as failures:  # those of its steps are in their records
            logging.error("Evaluator %r: %s", self.part.evaluator, failures)

    def abandon(self) -> None:
        """See `InlineEvaluator`."""
        self._evaluator.abandon()


def _finding_of_task(future: MetricsFuture) -> Finding:
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
        self.part = Part(name)
        # The fingerprint comes first: an evaluation may keep what it has read, and would no longer be the same.
        self.facts = Facts({name: len(evaluation)}, fingerprint_of(evaluation, model.encoding, model.sampling))
        self._evaluation, self._model = evaluation, model
        self._asking = self._prepared(model.engine_for(name))

    def ask(self, step: int, params: Tree) -> Judge:
        """See `InlineEvaluator`."""
        result = self._asking(params)
        return lambda: self._finding(result())

    def close(self) -> None:
        """See `InlineEvaluator`: nothing is open."""

    def abandon(self) -> None:
        """See `InlineEvaluator`: it has no thread of its own."""

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
        name = self.part.evaluator
        return Finding({name: {"score": result.score, **result.values}}, {name: counts})


def _same(result: EvaluationResult) -> EvaluationResult:
    return result
