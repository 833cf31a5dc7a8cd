"""Runs evaluators in a process of its own, on copies of the parameters, whatever becomes of that process."""

from __future__ import annotations

import collections
import dataclasses
import functools
import tempfile
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import final

import jax
from absl import logging

from evalkit.errors import EvalkitError
from evalkit.inference.model import Tree
from evalkit.training.child_main import Order
from evalkit.training.child_process import Child
from evalkit.training.evaluator_builders import EvaluatorBuilders
from evalkit.training.host_params import to_host
from evalkit.training.inline_log import InlineLog
from evalkit.training.inline_record import Finding
from evalkit.training.inline_runner import Runner, copy_of, log_finding
from evalkit.training.loop_calls import Future, Worker
from evalkit.training.modes import ChildProcess

OUTPUT = "inline_child_process.log"
"""The file in `log_dir` with what the child process writes."""

_STARTS = 3.0  # how many times as long as the first one a later start may take, and `timeout_s` more


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
        folder = tempfile.gettempdir() if "://" in log_dir else log_dir  # appended to line by line
        self._output = str(Path(folder, OUTPUT))
        begin = time.monotonic()
        self._child = Child(builders, mode.environment, self._output, None)
        self._starting_s = time.monotonic() - begin
        self.frequent, self.infrequent = self._child.ready
        self._worker = Worker("evalkit-inline")

    @property
    def unfinished(self) -> Future | None:
        """See `Runner`."""
        return self._worker.unfinished

    def start(self, step: int, params: Tree, names: Sequence[str]) -> None:
        """See `Runner`."""
        begin = time.perf_counter()
        copied = shared_copy(params)
        held = time.perf_counter() - begin
        self._worker.submit(functools.partial(self._evaluate, step, [copied], names, {names[0]: held}))

    def _evaluate(self, step: int, params: list[Tree], names: Sequence[str], held: Mapping[str, float]) -> None:
        left = collections.deque(names)
        try:
            sent = to_host(params.pop())
            while left:
                self._evaluate_in_one(step, sent, left, held)
        except Exception as error:  # noqa: BLE001 - no evaluator ends a training; it is in the record
            for name in left:
                log_finding(self._log, name, step, Finding(failure=error), 0.0, held.get(name, 0.0))

    def _evaluate_in_one(
        self, step: int, params: Tree, left: collections.deque[str], held: Mapping[str, float]
    ) -> None:
        """Runs the evaluators that are left, until all are done or one of them has ended the process."""
        begin = time.perf_counter()
        if not self._child.is_alive:
            self._restart()
        self._child.send(Order(step, params, list(left)))
        while left:
            name = left[0]
            try:
                record, metrics = self._child.report(name, self._mode.timeout_s)
            except EvalkitError as error:
                seconds = time.perf_counter() - begin
                log_finding(self._log, left.popleft(), step, Finding(failure=error), seconds, held.get(name, 0.0))
                return
            if record.status == "failed":
                logging.error("Evaluator %r failed at step %d: %s\n%s", name, step, record.error, record.traceback)
            self._log.add(dataclasses.replace(record, held_seconds=held.get(name, 0.0)), metrics)
            left.popleft()
            begin = time.perf_counter()

    def _restart(self) -> None:
        timeout = None if self._mode.timeout_s is None else self._mode.timeout_s + _STARTS * self._starting_s
        self._child = Child(self._builders, self._mode.environment, self._output, timeout)
        logging.info("The process of the evaluators had ended, and was started again.")

    def serve(self) -> None:
        """See `Runner`: nothing is asked of this thread."""

    def wait(self) -> None:
        """See `Runner`."""
        if (last := self.unfinished) is not None:
            last.result()

    def close(self) -> None:
        """See `Runner`."""
        self._worker.close()
        if self._child.is_alive:
            self._child.close()

    def abandon(self) -> None:
        """See `Runner`."""
        self.close()


@final
class NoRunner(Runner):
    """Of the processes that have no child: they take part in collecting the parameters."""

    def __init__(self, frequent: tuple[str, ...], infrequent: tuple[str, ...]) -> None:
        """Takes the names of the evaluators."""
        self.frequent, self.infrequent = frequent, infrequent

    @property
    def unfinished(self) -> Future | None:
        """See `Runner`."""
        return None

    def start(self, step: int, params: Tree, names: Sequence[str]) -> None:
        """See `Runner`."""
        shared_copy(params)

    def serve(self) -> None:
        """See `Runner`."""

    def wait(self) -> None:
        """See `Runner`."""

    def close(self) -> None:
        """See `Runner`."""

    def abandon(self) -> None:
        """See `Runner`."""


def shared_copy(params: Tree) -> Tree:
    """A copy that this process can read alone: on the devices, or on the host if processes share the parameters."""
    return copy_of(params) if jax.process_count() == 1 else to_host(params)
