"""Runs evaluators in the process of the training: the model's part at once, the rest on a thread."""

from __future__ import annotations

import abc
import concurrent.futures
import functools
import time
from collections.abc import Mapping, Sequence
from typing import final

import jax
import jax.numpy as jnp
from absl import logging

from evalkit.errors import ProcessError, told
from evalkit.evaluation.daemon_executor import DaemonExecutor, Future
from evalkit.evaluation.process_gather import gather_from_processes
from evalkit.inference.model import Tree
from evalkit.training.evaluator_builders import Built
from evalkit.training.inline_evaluators import InlineEvaluator, Judge
from evalkit.training.inline_log import InlineLog
from evalkit.training.inline_part import Facts, Part, Snapshot
from evalkit.training.inline_record import Finding
from evalkit.training.inline_report import log_report, report_of
from evalkit.training.loop_calls import LoopCalls

_PATIENCE_S = 0.02
"""How long the loop waits for the next call of an evaluator that samples, before training goes on."""


class Runner(abc.ABC):
    """Runs evaluators, and has what they find logged. All methods are for the thread of the training loop.

    Attributes:
      frequent: the evaluators that are run often.
      infrequent: the others.
      facts: what is known of them.
    """

    frequent: tuple[Part, ...]
    infrequent: tuple[Part, ...]
    facts: Mapping[Part, Facts]

    @property
    @abc.abstractmethod
    def unfinished(self) -> Future | None:
        """The last that was started, if it goes on."""

    @abc.abstractmethod
    def start(self, of: Snapshot, parts: Sequence[Part]) -> None:
        """Begins to run evaluators, behind those that run. When it returns, the parameters may be donated."""

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
    def abandon(self, patience_s: float) -> None:
        """Waits so many seconds for what can end without the loop, which has ended already; then lets go of everything.

        After `close` it does nothing.
        """


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
        self.facts = {part: evaluator.facts for part, evaluator in self._evaluators.items()}
        self._calls, self._log = calls, log
        self._worker = DaemonExecutor("evalkit-inline")
        self._started: dict[tuple[Part, int], Future] = {}
        self._closed = False

    @property
    def unfinished(self) -> Future | None:
        """See `Runner`."""
        return self._worker.unfinished

    def start(self, of: Snapshot, parts: Sequence[Part]) -> None:
        """See `Runner`."""
        evaluators = [self._evaluators[part] for part in parts]
        kept = copy_of(of.params) if any(evaluator.keeps_params for evaluator in evaluators) else None
        self._started = {key: future for key, future in self._started.items() if not future.done()}
        for evaluator in evaluators:
            begin = time.perf_counter()
            judge = _asked(evaluator, of.step, kept if evaluator.keeps_params else of.params)
            held = time.perf_counter() - begin
            if self._log is not None:
                job = functools.partial(self._judge, self._log, evaluator.part, of.step, of.digest)
                self._started[evaluator.part, of.step] = self._worker.submit(job, judge, begin, held)
        if kept is not None:
            self._calls.serve(_PATIENCE_S)

    def _judge(
        self, log: InlineLog, part: Part, step: int, digest: str, judge: Judge, begin: float, held: float
    ) -> None:
        served = self._calls.seconds  # of calls, one evaluator at a time has some
        try:
            finding = judge()
        except BaseException as error:  # noqa: BLE001 - no evaluator ends a training; it is in the record
            finding = Finding(failure=error)
        if finding.failure is not None and self._calls.refused:  # not its fault: it is done when training is resumed
            logging.warning("%s was cut off at step %d: the training loop has ended.", part, step)
            return
        held += self._calls.seconds - served
        report = report_of(part, self.facts[part], step, finding, time.perf_counter() - begin)
        log_report(log, report, self.facts[part], digest, held)

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
        self._closed = True
        self._worker.shutdown()
        for evaluator in self._evaluators.values():
            evaluator.close()
        if self._log is not None:
            self._log.close()

    def abandon(self, patience_s: float) -> None:
        """See `Runner`."""
        if self._closed:
            return
        self._calls.refuse()
        if not ended_within(patience_s, self.unfinished):
            cut_off = [key for key, future in self._started.items() if not future.done()]
            warn_of_cut_off(cut_off, patience_s)
            self._closed = True
            self._worker.abandon()
            for evaluator in self._evaluators.values():
                evaluator.abandon()
            if self._log is not None:
                self._log.close(patience_s)
        else:
            self.close()


def ended_within(patience_s: float, last: Future | None) -> bool:
    """Waits so many seconds for the last that was started, and tells whether it has ended."""
    return last is None or bool(concurrent.futures.wait([last], patience_s).done)


def warn_of_cut_off(cut_off: Sequence[tuple[Part, int]], patience_s: float) -> None:
    """Tells what a training that has ended does not wait for."""
    logging.warning(
        "Training has ended, and %d evaluation(s) that went on for %g s more are cut off; a training that is resumed "
        "from before makes them again. %s",
        *(len(cut_off), patience_s, "; ".join(f"{part} at step {step}" for part, step in cut_off)),
    )


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
    found = gather_from_processes(failure and told(failure))
    others = "; ".join(f"process {process}: {message}" for process, message in enumerate(found) if message)
    if failure is None and others:
        failure = ProcessError(f"{evaluator.part} failed at step {step} in another process. {others}")
    return judge if failure is None else functools.partial(_raised, failure)


def _raised(failure: BaseException) -> Finding:
    raise failure
