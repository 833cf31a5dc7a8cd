"""Judging and logging off the calling thread, one task after another, in the order in which they were handed in.

A failure of one metric, task or logger is kept and does not stop the others. Each step's failures are reported by the
step's future, and once more when the worker is closed, so that a caller who never looks at futures learns of them.
"""

from __future__ import annotations

import concurrent.futures
import contextlib
import dataclasses
import functools
import traceback
from collections.abc import Callable, Iterator, Mapping, Sequence
from types import FrameType
from typing import Any, final

from absl import logging

from evalkit.errors import ArgumentError, EvalkitError, EvaluationError, LoggerError, MetricError
from evalkit.evaluation.daemon_executor import DaemonExecutor
from evalkit.evaluation.task_metrics import Outputs, TaskMetrics, TaskResult
from evalkit.evaluation.user_code import calling, guarding
from evalkit.metrics.counts import EvalCounts
from evalkit.metrics.values import MetricValue, Scalar

AllMetrics = dict[str, dict[str, Any]]

STEPS_IN_FLIGHT = 1
"""How many steps may wait to be judged while the model works on the next; more would only hold their outputs in
memory."""


@final
class MetricsFuture(concurrent.futures.Future[AllMetrics]):
    """The metrics of a step, `{task: {metric: value}}`; or an `EvaluationError` of everything that failed in it.

    Attributes:
      counts: by task, how many examples are right, wrong or something else; whole once the future is done.
    """

    def __init__(self) -> None:
        """Has no result yet."""
        super().__init__()
        self.counts: dict[str, EvalCounts] = {}


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
    """What a step gave so far: metrics by task, what failed, and the future that will hold them."""

    step: int | None
    metrics: AllMetrics = dataclasses.field(default_factory=dict)
    failures: list[EvalkitError] = dataclasses.field(default_factory=list)
    future: MetricsFuture = dataclasses.field(default_factory=MetricsFuture)

    @property
    def key(self) -> int:
        """What is the same for all records of one step; one without a number is a step of its own."""
        return id(self) if self.step is None else self.step

    def settle(self) -> None:
        """Gives the future its result: the metrics, or an `EvaluationError` of everything that failed."""
        if not self.failures:
            self.future.set_result(self.metrics)
            return
        for failure in self.failures:
            _release_frames(failure)
        error = EvaluationError(_summary(f"Step {self.step}", self.failures), self.failures)
        error.metrics = self.metrics
        self.future.set_exception(error)


@final
class MetricWorker:
    """Runs `TaskMetrics.judge` and the loggers, on one thread of its own or inline."""

    def __init__(self, loggers: Sequence[Any], asynchronous: bool) -> None:
        """Takes the loggers that get every task's result."""
        self._loggers = loggers
        self._executor: concurrent.futures.Executor = (
            DaemonExecutor("evalkit-metrics") if asynchronous else InlineExecutor()
        )
        self._unfinished: list[StepRecord] = []
        self._failures: list[EvalkitError] = []
        self._accepts_steps = True
        self._closed = False

    def begin(self, step: int | None) -> StepRecord:
        """Starts a step, when at most `STEPS_IN_FLIGHT` other ones are unfinished; a step may be started several times.

        Raises:
          ArgumentError: the worker is closed.
        """
        if not self._accepts_steps:
            raise ArgumentError("This Evaluator is closed. Construct another, or evaluate before `close()`.")
        self._unfinished = [record for record in self._unfinished if not record.future.done()]
        record = StepRecord(step)
        others = {each.key: None for each in self._unfinished if each.key != record.key}
        in_flight = list(others)[-STEPS_IN_FLIGHT:]
        concurrent.futures.wait([each.future for each in self._unfinished if each.key in others.keys() - in_flight])
        record.future.set_running_or_notify_cancel()  # from here on nobody can cancel it
        return record

    def judge(self, record: StepRecord, task_name: str, metrics: TaskMetrics, outputs: Outputs, dataset: Any) -> None:
        """Has a task's outputs judged and logged; returns at once if the worker has a thread."""
        self._executor.submit(self._judge, record, task_name, metrics, outputs, dataset)

    def finish(self, record: StepRecord, judged: bool) -> MetricsFuture:
        """The future of the step: `{task: {metric: value}}`, or an `EvaluationError` of everything that failed in it.

        If nothing was to be `judged`, it is done, with None.
        """
        if not judged:
            record.future.set_result(None)  # type: ignore[arg-type]  # as seqio's Evaluator has it
            return record.future
        self._unfinished.append(record)
        self._executor.submit(record.settle)
        return record.future

    def abandon(self) -> None:
        """Takes no more steps, and lets the process end whatever is being judged."""
        self._accepts_steps = False
        if isinstance(self._executor, DaemonExecutor):
            self._executor.abandon()

    def close(self) -> None:
        """Waits for everything handed in, then closes the loggers. A second call does nothing.

        Raises:
          EvaluationError: the failures of all steps.
        """
        self._accepts_steps = False
        self._executor.shutdown(wait=True)  # an interrupted wait may be taken up again by another call
        if self._closed:
            return
        self._closed = True
        failures, self._failures = self._failures, []
        for logger in self._loggers:
            close = getattr(logger, "close", lambda: None)
            failures += _attempt(LoggerError, f"Closing logger {type(logger).__name__}", close)
        if failures:
            raise EvaluationError(_summary("The evaluation", failures), failures)

    def _judge(self, record: StepRecord, task_name: str, metrics: TaskMetrics, outputs: Outputs, dataset: Any) -> None:
        try:
            with guarding(MetricError, lambda: f"Task {task_name!r}: judging the outputs"):
                result = metrics.judge(outputs)
        except EvalkitError as error:
            result = TaskResult(failures=[error], counts=metrics.all_failed())
        record.metrics[task_name] = result.metrics
        if result.counts is not None:
            record.future.counts[task_name] = result.counts
        failures = [*result.failures, *self._log(record.step, task_name, result, dataset)]
        for failure in failures:
            logging.error("Step %s: %s", record.step, failure, exc_info=failure)
        record.failures += failures
        self._failures += failures

    def _log(self, step: int | None, task_name: str, result: TaskResult, dataset: Any) -> list[EvalkitError]:
        values = {
            name: value if isinstance(value, MetricValue) else Scalar(value) for name, value in result.metrics.items()
        }
        inferences = {name: _listed(value) for name, value in result.inferences.items()}
        if "aux_value" in inferences:
            inferences["aux_value"] = dict(_flattened("", inferences["aux_value"]))
        failures: list[EvalkitError] = []
        for logger in self._loggers:
            write = functools.partial(  # no closure: a traceback would keep what it holds
                logger,
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


def _flattened(path: str, values: Any) -> Iterator[tuple[str, Any]]:
    """Nested auxiliary values by dotted names: what a logger shows has one value per example."""
    parts = values.items() if isinstance(values, Mapping) else enumerate(values) if isinstance(values, tuple) else None
    if parts is None:
        yield path.removesuffix("."), values
    else:
        for name, part in parts:
            yield from _flattened(f"{path}{name}.", part)


def _listed(value: Any) -> Any:
    return value.tolist() if hasattr(value, "tolist") else value


def _release_frames(error: BaseException | None) -> None:
    """Clears the local variables behind a traceback: a failure is kept until `close`, a step's outputs must not be."""
    while error is not None:
        for frame, _ in traceback.walk_tb(error.__traceback__):
            behind: FrameType | None = frame
            with contextlib.suppress(RuntimeError):  # a frame that still runs cannot be cleared, nor those behind it
                while behind is not None:
                    behind.clear()
                    behind = behind.f_back
        error = error.__cause__ or error.__context__


def _summary(what: str, failures: Sequence[EvalkitError]) -> str:
    return f"{what} had {len(failures)} failure(s), the rest was computed and logged. " + " | ".join(map(str, failures))
