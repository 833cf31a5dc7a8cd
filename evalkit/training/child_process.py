"""The process beside a training, as the training sees it: started, asked, and killed where it takes too long."""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import pickle
import signal
import threading
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, final

from evalkit.errors import ArgumentError, EvalkitError, EvaluatorProcessError
from evalkit.training.child_main import WHERE_SIGNAL, NotBuilt, Order, Ready, Report, run_child
from evalkit.training.evaluator_builders import EvaluatorBuilders

_DUMP_S = 0.5  # for the stacks of a process that hangs
_SHOWN = 8_000  # characters of what the process has written
_environment_lock = threading.Lock()


@final
class Child:
    """One process; when it has ended, another one takes its place.

    Attributes:
      ready: the names of its evaluators.
    """

    def __init__(
        self, builders: EvaluatorBuilders, environment: Mapping[str, str], output: str, timeout_s: float | None
    ) -> None:
        """Starts the process, and waits until the evaluators are built.

        Args:
          builders: of the evaluators; pickled.
          environment: set in the process.
          output: the file to which it writes.
          timeout_s: how long all this may take.

        Raises:
          ArgumentError: the builders do not pickle.
          EvalkitError: what a builder raised, if it is one.
          EvaluatorProcessError: a builder raised something else, or the process ended, or took too long.
        """
        self._output = output
        spawn = multiprocessing.get_context("spawn")
        self._connection, theirs = spawn.Pipe()
        self._process = spawn.Process(target=run_child, args=(theirs, builders, output), name="evalkit-inline")
        self._mark()
        try:
            with _set(environment):
                self._process.start()
        except (pickle.PicklingError, AttributeError, TypeError) as error:
            raise ArgumentError(
                f"With ChildProcess() everything that evaluators are built from is pickled, and it does not pickle: "
                f"{error}. Define builders at the top level of a module, or use functools.partial of such functions."
            ) from error
        finally:
            theirs.close()
        told = self._receive("builders", timeout_s)
        if isinstance(told, NotBuilt):
            self.kill()
            raise _error_of(told, self._written())
        self.ready: Ready = told

    def send(self, order: Order) -> None:
        """Has evaluators run.

        Raises:
          EvaluatorProcessError: the process has ended.
        """
        self._mark()
        try:
            self._connection.send(order)
        except (BrokenPipeError, ConnectionError) as error:
            raise self._ended("between two steps") from error

    def report(self, name: str, timeout_s: float | None) -> Report:
        """What the next evaluator has found.

        Args:
          name: of the evaluator.
          timeout_s: how long it may take; None is any time.

        Raises:
          EvaluatorProcessError: the process has ended, or took too long and was killed.
        """
        report: Report = self._receive(f"evaluator {name!r}", timeout_s)
        self._mark()
        return report

    @property
    def is_alive(self) -> bool:
        """Whether it can be asked."""
        return self._process.is_alive()

    def close(self) -> None:
        """Lets the process end, and waits for it."""
        self._connection.close()
        self._process.join()

    def kill(self) -> None:
        """Ends the process, and those that it has started."""
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self._process.pid or 0, signal.SIGKILL) if self._leads_group() else self._process.kill()
        self._process.join()
        self._connection.close()

    def _leads_group(self) -> bool:
        pid = self._process.pid
        return pid is not None and self._process.is_alive() and os.getpgid(pid) == pid

    def _receive(self, what: str, timeout_s: float | None) -> Any:
        try:
            if self._connection.poll(timeout_s):
                return self._connection.recv()
        except (EOFError, ConnectionError) as error:
            raise self._ended(f"while it ran {what}") from error
        with contextlib.suppress(ProcessLookupError):
            os.kill(self._process.pid or 0, WHERE_SIGNAL)
        time.sleep(_DUMP_S)
        written = self._written()
        self.kill()
        raise EvaluatorProcessError(
            f"The process of the evaluators was killed: {what} took longer than {timeout_s:g} s. Raise timeout_s, if "
            f"it does not hang. Where it was, and what it wrote before:\n{written}"
        )

    def _ended(self, when: str) -> EvaluatorProcessError:
        self._process.join()
        code = self._process.exitcode or 0
        how = f"with status {code}"
        if code < 0:
            how = f"by signal {signal.Signals(-code).name}"
            how += ", as the system does where memory runs out" if code == -signal.SIGKILL else ""
        self._connection.close()
        return EvaluatorProcessError(f"The process of the evaluators ended {how} {when}. It wrote:\n{self._written()}")

    def _mark(self) -> None:
        """From here on, what the process writes belongs to what it does next."""
        path = Path(self._output)
        self._start = path.stat().st_size if path.exists() else 0

    def _written(self) -> str:
        try:
            with open(self._output, "rb") as file:
                file.seek(self._start)
                text = file.read().decode(errors="replace").strip()
        except OSError:
            text = ""
        return text[-_SHOWN:] or "(nothing)"


@contextlib.contextmanager
def _set(environment: Mapping[str, str]) -> Iterator[None]:
    """The variables of this process, which are those that a process is started with, for as short a time as may be."""
    with _environment_lock:
        before = {name: os.environ.get(name) for name in environment}
        os.environ.update(environment)
        try:
            yield
        finally:
            for name, value in before.items():
                if value is None:
                    del os.environ[name]
                else:
                    os.environ[name] = value


def _error_of(told: NotBuilt, written: str) -> EvalkitError:
    error = pickle.loads(told.error) if told.error else None
    if isinstance(error, EvalkitError):
        return error
    failed = EvaluatorProcessError(
        f"The evaluators of the child process cannot be built: {told.message}. It wrote:\n{written}"
    )
    failed.__cause__ = error
    return failed
