"""Runs evaluators in the process of the training: the model's part at once, the rest on a thread."""

from __future__ import annotations

import abc
import functools
import time
from collections.abc import Sequence
from typing import final

import jax
import jax.numpy as jnp
from absl import logging

from evalkit.errors import ProcessError
from evalkit.evaluation.process_gather import gather_from_processes
from evalkit.inference.model import Tree
from evalkit.training.evaluator_builders import Built
from evalkit.training.inline_evaluators import InlineEvaluator, Judge
from evalkit.training.inline_log import InlineLog
from evalkit.training.inline_record import Finding, InlineRecord
from evalkit.training.loop_calls import Future, LoopCalls, Worker

_PATIENCE_S = 0.02
"""How long the loop waits for the next call of an evaluator that samples, before training goes on."""


class Runner(abc.ABC):
    """Runs evaluators, and has what they find logged. All methods are for the thread of the training loop.

    Attributes:
      frequent: names of the evaluators that are run often.
      infrequent: names of the others.
    """

    frequent: tuple[str, ...]
    infrequent: tuple[str, ...]

    @property
    @abc.abstractmethod
    def unfinished(self) -> Future | None:
        """The last that was started, if it goes on."""

    @abc.abstractmethod
    def start(self, step: int, params: Tree, names: Sequence[str]) -> None:
        """Begins to run evaluators, behind those that run. When it returns, `params` may be donated."""

    @abc.abstractmethod
    def serve(self) -> None:
        """Does what those that run want done in this thread."""

    @abc.abstractmethod
    def wait(self) -> None:
        """Waits for all that was started."""

    @abc.abstractmethod
    def close(self) -> None:
        """Waits, and lets go of everything."""

    @abc.abstractmethod
    def abandon(self) -> None:
        """Waits for what can end without the loop, which has ended already."""


@final
class InProcessRunner(Runner):
    """Asks the model in the training loop; judges and logs on a thread, one evaluator after another."""

    def __init__(self, built: Built, calls: LoopCalls, log: InlineLog | None) -> None:
        """Takes the evaluators.

        Args:
          built: the evaluators.
          calls: which they make in the training loop.
          log: None in all processes but the first.
        """
        self._evaluators, self.frequent, self.infrequent = built
        self._calls, self._log = calls, log
        self._worker = Worker("evalkit-inline")

    @property
    def unfinished(self) -> Future | None:
        """See `Runner`."""
        return self._worker.unfinished

    def start(self, step: int, params: Tree, names: Sequence[str]) -> None:
        """See `Runner`."""
        evaluators = [self._evaluators[name] for name in names]
        kept = copy_of(params) if any(evaluator.keeps_params for evaluator in evaluators) else None
        for evaluator in evaluators:
            begin = time.perf_counter()
            judge = _asked(evaluator, step, kept if evaluator.keeps_params else params)
            held = time.perf_counter() - begin
            if self._log is not None:
                job = functools.partial(self._judge, self._log, evaluator.name, step, judge, begin, held)
                self._worker.submit(job)
        if kept is not None:
            self._calls.serve(_PATIENCE_S)

    def _judge(self, log: InlineLog, name: str, step: int, judge: Judge, begin: float, held: float) -> None:
        served = self._calls.seconds  # of calls, one evaluator at a time has some
        try:
            finding = judge()
        except BaseException as error:  # noqa: BLE001 - no evaluator ends a training; it is in the record
            if self._calls.refused:  # not its fault: it is done when the training is resumed
                logging.warning("Evaluator %r was cut off at step %d: the training loop has ended.", name, step)
                return
            finding = Finding(failure=error)
        held += self._calls.seconds - served
        log_finding(log, name, step, finding, time.perf_counter() - begin, held)

    def serve(self) -> None:
        """See `Runner`."""
        if self.unfinished is not None:
            self._calls.serve(0.0)

    def wait(self) -> None:
        """See `Runner`."""
        if (last := self.unfinished) is not None:
            self._calls.serve_until(last)

    def close(self) -> None:
        """See `Runner`."""
        self.wait()
        self._worker.close()
        for evaluator in self._evaluators.values():
            evaluator.close()

    def abandon(self) -> None:
        """See `Runner`."""
        self._calls.refuse()
        self.close()


def log_finding(
    log: InlineLog, name: str, step: int, finding: Finding, seconds: float, held_seconds: float = 0.0
) -> None:
    """Logs what an evaluator found, or how it failed."""
    finding = finding.checked(name, step)
    if finding.failure is not None:
        logging.error("Evaluator %r failed at step %d: %s", name, step, finding.failure, exc_info=finding.failure)
    log.add(InlineRecord.of(name, step, finding, seconds, held_seconds), finding.metrics)


def copy_of(params: Tree) -> Tree:
    """The same parameters in other buffers: a trainer donates those that it has."""
    return jax.tree.map(jnp.copy, params)


def _asked(evaluator: InlineEvaluator, step: int, params: Tree) -> Judge:
    """Asks in all processes; where one fails, all of them know."""
    failure: BaseException | None = None
    judge: Judge = Finding
    try:
        judge = evaluator.ask(step, params)
    except (KeyboardInterrupt, SystemExit, GeneratorExit):
        raise  # meant for the training
    except BaseException as error:  # noqa: BLE001 - no evaluator ends a training; it is in the record
        failure = error
    told = gather_from_processes(failure and f"{type(failure).__name__}: {failure}")
    others = "; ".join(f"process {process}: {message}" for process, message in enumerate(told) if message)
    if failure is None and others:
        failure = ProcessError(f"Evaluator {evaluator.name!r} failed at step {step} in another process. {others}")
    return judge if failure is None else functools.partial(_raised, failure)


def _raised(failure: BaseException) -> Finding:
    raise failure
