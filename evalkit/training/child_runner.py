"""Runs evaluators in a process of its own, on copies of the parameters, whatever becomes of that process."""

from __future__ import annotations

import collections
import time
from collections.abc import Sequence
from typing import final

import jax
from absl import logging

from evalkit.errors import EvalkitError, EvaluatorProcessError
from evalkit.evaluation.daemon_executor import DaemonExecutor, Future
from evalkit.inference.model import Tree
from evalkit.training.child_main import Order
from evalkit.training.child_output import ChildOutput
from evalkit.training.child_process import Child
from evalkit.training.evaluator_builders import EvaluatorBuilders
from evalkit.training.host_params import to_host
from evalkit.training.inline_log import InlineLog
from evalkit.training.inline_part import Part, Snapshot
from evalkit.training.inline_record import Finding
from evalkit.training.inline_report import Report, log_report, report_of
from evalkit.training.inline_runner import Runner, copy_of, ended_within, warn_of_cut_off
from evalkit.training.modes import ChildProcess

_STARTS = 3.0  # how many times as long as the first one a later start may take, and `timeout_s` more
_END_S = 60.0  # for the end of the process, where evaluators may take any time


@final
class ChildRunner(Runner):
    """One child process after another; a thread talks to it. In the processes but the first there is none."""

    def __init__(self, mode: ChildProcess, builders: EvaluatorBuilders, log: InlineLog, log_dir: str) -> None:
        """Starts the first process.

        Raises:
          ArgumentError: the builders do not pickle.
          EvalkitError: evaluators cannot be built.
        """
        self._mode, self._builders, self._log = mode, builders, log
        self._output = ChildOutput.in_folder(log_dir)
        begin = time.monotonic()
        self._child = Child(builders, mode.environment, self._output, mode.start_timeout_s)
        self._starting_s = time.monotonic() - begin
        self.frequent, self.infrequent, self.facts = self._child.ready
        self._worker = DaemonExecutor("evalkit-inline")
        self._left: dict[tuple[Part, int], None] = {}
        self._abandoned = self._closed = False

    @property
    def unfinished(self) -> Future | None:
        """See `Runner`."""
        return self._worker.unfinished

    def start(self, of: Snapshot, parts: Sequence[Part]) -> None:
        """See `Runner`."""
        begin = time.perf_counter()
        copied = of._replace(params=shared_copy(of.params))
        held = time.perf_counter() - begin
        self._left.update(dict.fromkeys((part, of.step) for part in parts))
        self._worker.submit(self._evaluate, [copied], parts, held)

    def _evaluate(self, given: list[Snapshot], parts: Sequence[Part], held: float) -> None:
        of = given.pop()  # so that nothing else keeps the copy
        left = collections.deque(parts)
        try:
            of = of._replace(params=to_host(of.params))
            while left and not self._abandoned:
                held = self._evaluate_in_one(of, left, held)
        except Exception as error:  # noqa: BLE001 - no evaluator ends a training; it is in the record
            while left and not self._abandoned:
                held = self._log_report(self._failed(left[0], of.step, error, 0.0), of, left, held)

    def _evaluate_in_one(self, of: Snapshot, left: collections.deque[Part], held: float) -> float:
        """Runs the evaluators that are left, until all are done or one of them has ended the process."""
        begin = time.perf_counter()
        if not self._child.is_alive:
            self._restart()
        self._child.send(Order(of.step, of.params, list(left)))
        while left:
            try:
                report = self._child.report(left[0], of.step, self._mode.timeout_s)
            except EvalkitError as error:
                if self._abandoned:
                    return held
                seconds = time.perf_counter() - begin
                return self._log_report(self._failed(left[0], of.step, error, seconds), of, left, held)
            held = self._log_report(report, of, left, held)
            begin = time.perf_counter()
        return held

    def _failed(self, part: Part, step: int, error: Exception, seconds: float) -> Report:
        return report_of(part, self.facts[part], step, Finding(failure=error), seconds)

    def _log_report(self, report: Report, of: Snapshot, left: collections.deque[Part], held: float) -> float:
        """Has it logged, by which one evaluator less is left; those behind the first one hold nothing up."""
        part = left.popleft()
        log_report(self._log, report, self.facts[part], of.digest, held)
        self._left.pop((part, of.step), None)
        return 0.0

    def _restart(self) -> None:
        limits = [self._mode.start_timeout_s]
        if self._mode.timeout_s is not None:
            limits.append(self._mode.timeout_s + _STARTS * self._starting_s)
        timeout_s = min((limit for limit in limits if limit is not None), default=None)
        child = Child(self._builders, self._mode.environment, self._output, timeout_s)
        if self._abandoned:
            child.kill()
            raise EvaluatorProcessError("Training has ended.")
        self._child = child
        logging.info("The process of the evaluators had ended, and was started again.")

    def serve(self) -> None:
        """See `Runner`: nothing is asked of this thread."""

    def wait(self) -> None:
        """See `Runner`."""
        if (last := self.unfinished) is not None:
            last.result()

    def close(self) -> None:
        """See `Runner`."""
        self._worker.shutdown()
        self._closed = True
        if self._child.is_alive:
            self._child.close(self._mode.timeout_s or _END_S)
        self._log.close()

    def abandon(self, patience_s: float) -> None:
        """See `Runner`."""
        if self._closed:
            return
        if not ended_within(patience_s, self.unfinished):
            self._abandoned = self._closed = True
            warn_of_cut_off(list(self._left), patience_s)
            self._worker.abandon()
            self._child.send_kill()
            self._log.close(patience_s)
        else:
            self.close()


@final
class NoRunner(Runner):
    """Of the processes that have no child: they take part in collecting the parameters."""

    def __init__(self, frequent: tuple[Part, ...], infrequent: tuple[Part, ...]) -> None:
        """Takes the evaluators of the first process."""
        self.frequent, self.infrequent, self.facts = frequent, infrequent, {}

    @property
    def unfinished(self) -> Future | None:
        """See `Runner`."""
        return None

    def start(self, of: Snapshot, parts: Sequence[Part]) -> None:
        """See `Runner`."""
        shared_copy(of.params)

    def serve(self) -> None:
        """See `Runner`."""

    def wait(self) -> None:
        """See `Runner`."""

    def close(self) -> None:
        """See `Runner`."""

    def abandon(self, patience_s: float) -> None:
        """See `Runner`."""


def shared_copy(params: Tree) -> Tree:
    """A copy that this process can read alone: on the devices, or on the host if processes share the parameters."""
    return copy_of(params) if jax.process_count() == 1 else to_host(params)
