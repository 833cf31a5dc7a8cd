"""Judging and logging off the calling thread, one task after another, in the order in which they were handed in.

A failure of one metric, task or logger is kept and does not stop the others. Each step's failures are reported by the
step's future, and once more when the worker is closed, so that a caller who never looks at futures learns of them.
"""

from __future__ import annotations

import concurrent.futures
import dataclasses
from collections.abc import Callable, Iterable, Sequence
from typing import Any, final

from absl import logging

from evalkit.errors import ArgumentError, EvalkitError, EvaluationError, LoggerError, MetricError
from evalkit.evaluation.task_metrics import Outputs, TaskMetrics, TaskResult
from evalkit.evaluation.user_code import calling
from evalkit.metrics.values import MetricValue, Scalar

AllMetrics = dict[str, dict[str, Any]]
MetricsFuture = concurrent.futures.Future[AllMetrics]

STEPS_IN_FLIGHT = 1
"""How many steps may wait to be judged while the model works on the next; more would only hold their outputs in
memory."""


@final
class InlineExecutor(concurrent.futures.Executor):
    """Runs a call at once on the calling thread; its future is done when `submit` returns."""

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> concurrent.futures.Future[Any]:
        """See `concurrent.futures.Executor`."""
        future: concurrent.futures.Future[Any] = concurrent.futures.Future()
        try:
            future.set_result(fn(*args, **kwargs))
        except EvalkitError as failure:
            future.set_exception(failure)
        return future


@final
@dataclasses.dataclass
class StepRecord:
    """What a step gave so far: metrics by task, and what failed."""

    step: int | None
    metrics: AllMetrics = dataclasses.field(default_factory=dict)
    failures: list[EvalkitError] = dataclasses.field(default_factory=list)


@final
class MetricWorker:
    """Runs `TaskMetrics.judge` and the loggers, on one thread of its own or inline."""

    def __init__(self, loggers: Sequence[Any], asynchronous: bool) -> None:
        """Takes the loggers that get every task's result."""
        self._loggers = loggers
        self._executor: concurrent.futures.Executor = (
            concurrent.futures.ThreadPoolExecutor(max_workers=1, thread_name_prefix="evalkit-metrics")
            if asynchronous
            else InlineExecutor()
        )
        self._steps: list[MetricsFuture] = []
        self._closed = False

    def begin(self, step: int | None) -> StepRecord:
        """Starts a step, when at most `STEPS_IN_FLIGHT` earlier ones are unfinished.

        Raises:
          ArgumentError: the worker is closed.
        """
        if self._closed:
            raise ArgumentError("This Evaluator is closed. Construct another, or evaluate before `close()`.")
        unfinished = [future for future in self._steps if not future.done()]
        concurrent.futures.wait(unfinished[: len(unfinished) - STEPS_IN_FLIGHT])
        self._steps = [future for future in self._steps if not future.done() or future.exception()]
        return StepRecord(step)

    def judge(self, record: StepRecord, task_name: str, metrics: TaskMetrics, outputs: Outputs, dataset: Any) -> None:
        """Has a task's outputs judged and logged; returns at once if the worker has a thread."""
        self._executor.submit(self._judge, record, task_name, metrics, outputs, dataset)

    def finish(self, record: StepRecord, judged: bool) -> MetricsFuture:
        """The future of the step: `{task: {metric: value}}`, or an `EvaluationError` of everything that failed in it.

        If nothing was to be `judged`, it is done, with None.
        """
        future = self._executor.submit(_result, record) if judged else InlineExecutor().submit(lambda: None)
        self._steps.append(future)
        return future

    def close(self) -> None:
        """Waits for everything handed in, then closes the loggers. A second call does nothing.

        Raises:
          EvaluationError: the failures of all steps.
        """
        if self._closed:
            return
        self._closed = True
        self._executor.shutdown(wait=True)
        failures = [failure for step in self._steps for failure in _failures(step)]
        self._steps = []
        for logger in self._loggers:
            close = getattr(logger, "close", lambda: None)
            failures += _attempt(LoggerError, f"Closing logger {type(logger).__name__}", close)
        if failures:
            raise EvaluationError(_summary("The evaluation", failures), failures)

    def _judge(self, record: StepRecord, task_name: str, metrics: TaskMetrics, outputs: Outputs, dataset: Any) -> None:
        result = TaskResult()

        def judge() -> None:
            nonlocal result
            result = metrics.judge(outputs)

        failures = _attempt(MetricError, f"Task {task_name!r}: judging the outputs", judge) + result.failures
        record.metrics[task_name] = result.metrics
        failures += self._log(record.step, task_name, result, dataset)
        for failure in failures:
            logging.error("Step %s: %s", record.step, failure, exc_info=failure)
        record.failures += failures

    def _log(self, step: int | None, task_name: str, result: TaskResult, dataset: Any) -> list[EvalkitError]:
        values = {
            name: value if isinstance(value, MetricValue) else Scalar(value) for name, value in result.metrics.items()
        }
        inferences = {name: _listed(value) for name, value in result.inferences.items()}
        failures: list[EvalkitError] = []
        for logger in self._loggers:

            def write(logger: Any = logger) -> None:
                logger(
                    task_name=task_name,
                    step=step,
                    metrics=values,
                    dataset=dataset,
                    inferences=inferences,
                    targets=result.targets,
                )

            failures += _attempt(LoggerError, f"Task {task_name!r}: logger {type(logger).__name__}", write)
        return failures


def _attempt(error: type[EvalkitError], what: str, act: Callable[[], None]) -> list[EvalkitError]:
    """Does what may fail without the rest; its failure, as `error`, if it fails."""
    try:
        with calling(error, lambda: what):
            act()
    except EvalkitError as failure:
        return [failure]
    return []


def _listed(value: Any) -> Any:
    return value.tolist() if hasattr(value, "tolist") else value


def _result(record: StepRecord) -> AllMetrics:
    if not record.failures:
        return record.metrics
    error = EvaluationError(_summary(f"Step {record.step}", record.failures), record.failures)
    error.metrics = record.metrics
    raise error


def _failures(step: MetricsFuture) -> Iterable[EvalkitError]:
    error = step.exception()
    return error.exceptions if isinstance(error, EvaluationError) else ()  # type: ignore[return-value]


def _summary(what: str, failures: Sequence[EvalkitError]) -> str:
    return f"{what} had {len(failures)} failure(s), the rest was computed and logged. " + " | ".join(map(str, failures))
