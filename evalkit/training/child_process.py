"""The process beside a training, as the training sees it: started, asked, and killed where it takes too long."""

from __future__ import annotations

import contextlib
import math
import multiprocessing
import os
import pickle
import signal
import threading
import time
from collections.abc import Iterator, Mapping
from multiprocessing.reduction import ForkingPickler
from typing import Any, NoReturn, final

from absl import logging

from evalkit.errors import ArgumentError, EvalkitError, EvaluatorProcessError, told
from evalkit.training.child_main import WHERE_SIGNAL, NotBuilt, Order, Ready, run_child
from evalkit.training.child_output import ChildOutput
from evalkit.training.evaluator_builders import EvaluatorBuilders
from evalkit.training.inline_part import Part
from evalkit.training.inline_report import Report

_DUMP_S = 0.5  # for the stacks of a process that hangs
_SLICE_S = 0.5  # after which it is looked whether the process is still there: what it forked may hold the pipe open
_END_S = 5.0  # for a process that has nothing more to do, or is killed
_NO_START = (
    "It ended before it could write here; what it wrote is on the standard error of this process. Begin the script of "
    'the training with `if __name__ == "__main__":`, as the process imports it, too; and see that it can be imported '
    "there, with the same environment."
)
_environment_lock = threading.Lock()


@final
class Child:
    """One process; when it has ended, another one takes its place.

    Attributes:
      ready: its evaluators.
    """

    def __init__(
        self, builders: EvaluatorBuilders, environment: Mapping[str, str], output: ChildOutput, timeout_s: float | None
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
        self._is_ready = False
        self._output = output
        self._group: int | None = None
        pickled = _pickled(builders)
        spawn = multiprocessing.get_context("spawn")
        self._connection, theirs = spawn.Pipe()
        self._process = spawn.Process(target=run_child, args=(theirs, pickled, output.path), name="evalkit-inline")
        output.mark()
        try:
            with _set(environment):
                self._process.start()
        finally:
            theirs.close()
        answer = self._receive("builders", timeout_s, "start_timeout_s")
        if isinstance(answer, NotBuilt):
            self.kill()
            raise _error_of(answer, output.written())
        self.ready: Ready = answer
        self._is_ready = True

    def send(self, order: Order) -> None:
        """Has evaluators run.

        Raises:
          EvaluatorProcessError: the process has ended.
        """
        self._output.mark()
        try:
            self._connection.send(order)
        except OSError as error:
            raise self._ended("between two steps") from error

    def report(self, part: Part, step: int, timeout_s: float | None) -> Report:
        """What the next evaluator has found.

        Args:
          part: the evaluator.
          step: at which it was asked.
          timeout_s: how long it may take; None is any time.

        Raises:
          EvaluatorProcessError: the process has ended, or was killed: it took too long, or sent something else.
        """
        report = self._receive(str(part), timeout_s, "timeout_s")
        found = (report.record.part, report.record.step) if isinstance(report, Report) else report
        if found != (part, step):
            self._kill_for(f"it was asked for {part} at step {step}, and sent {found!r}")
        self._output.mark()
        return report  # type: ignore[no-any-return]  # it is one, as its part is that which was asked for

    @property
    def is_alive(self) -> bool:
        """Whether it can be asked."""
        return self._process.is_alive()

    def close(self, timeout_s: float) -> None:
        """Lets the process end; kills it if it has not after so many seconds."""
        with contextlib.suppress(OSError):
            self._connection.send(None)
        self._connection.close()
        self._process.join(timeout_s)
        if self._process.is_alive():
            logging.warning("The process of the evaluators did not end within %g s, and is killed.", timeout_s)
        self.kill()

    def kill(self) -> None:
        """Ends the process, and those that it has started, and waits for it."""
        self.send_kill()
        self._process.join(_END_S)
        self._connection.close()
        self._group = None  # the number may soon be another's

    def send_kill(self) -> None:
        """Ends the process, and those that it has started; from any thread."""
        self._find_group()
        with contextlib.suppress(ProcessLookupError, PermissionError):
            if self._group is not None:
                os.killpg(self._group, signal.SIGKILL)
            else:
                self._process.kill()

    def _find_group(self) -> None:
        """The process leads a group as soon as it has begun to run."""
        pid = self._process.pid
        with contextlib.suppress(ProcessLookupError):
            if pid is not None and self._process.is_alive() and os.getpgid(pid) == pid:
                self._group = pid

    def _receive(self, what: str, timeout_s: float | None, argument: str) -> Any:
        end = math.inf if timeout_s is None else time.monotonic() + timeout_s
        while True:
            self._find_group()
            was_alive, left = self._process.is_alive(), end - time.monotonic()
            try:
                content = self._connection.recv_bytes() if self._connection.poll(max(0, min(left, _SLICE_S))) else None
            except (EOFError, OSError) as error:
                raise self._ended(f"while it ran {what}") from error
            if content is not None:
                return self._unpickled(content, what)
            if not was_alive:
                raise self._ended(f"while it ran {what}")
            if left <= 0:
                self._kill_hanging(what, timeout_s, argument)

    def _unpickled(self, content: bytes, what: str) -> Any:
        try:
            return pickle.loads(content)
        except Exception as error:  # noqa: BLE001 - values are of anyone's classes, and may raise anything
            self._kill_for(f"what it sent of {what} cannot be read here: {told(error)}", error)

    def _kill_for(self, reason: str, cause: Exception | None = None) -> NoReturn:
        """Kills a process of which nobody knows what it does next."""
        self.kill()
        raise EvaluatorProcessError(f"The process of the evaluators was killed: {reason}.") from cause

    def _kill_hanging(self, what: str, timeout_s: float | None, argument: str) -> NoReturn:
        with contextlib.suppress(ProcessLookupError):
            os.kill(self._process.pid or 0, WHERE_SIGNAL)
        time.sleep(_DUMP_S)
        written = self._output.written() or "(nothing)"
        self.kill()
        raise EvaluatorProcessError(
            f"The process of the evaluators was killed: {what} took longer than {timeout_s:g} s. Raise {argument}, if "
            f"it does not hang. Where it was, and what it wrote before:\n{written}"
        )

    def _ended(self, when: str) -> EvaluatorProcessError:
        self._process.join(_END_S)
        code = self._process.exitcode
        self.kill()  # and what it has forked
        how = f"with status {code}"
        if code is None:
            how = "as it closed the connection"
        elif code < 0:
            how = f"by signal {signal.Signals(-code).name}"
            how += ", as the system does where memory runs out" if code == -signal.SIGKILL else ""
        written = self._output.written() or ("(nothing)" if self._is_ready else f"(nothing)\n{_NO_START}")
        return EvaluatorProcessError(f"The process of the evaluators ended {how} {when}. It wrote:\n{written}")


def _pickled(builders: EvaluatorBuilders) -> bytes:
    try:
        return bytes(ForkingPickler.dumps(builders))
    except (pickle.PicklingError, AttributeError, TypeError) as error:
        raise ArgumentError(
            f"With ChildProcess() everything that evaluators are built from is pickled, and it does not pickle: "
            f"{error}. Define builders at the top level of a module, or use functools.partial of such functions."
        ) from error


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


def _error_of(answer: NotBuilt, written: str) -> EvalkitError:
    error: Any = None
    with contextlib.suppress(Exception):  # of anyone's class; its message is told in any case
        error = pickle.loads(answer.error) if answer.error else None
    if isinstance(error, EvalkitError):
        return error
    failed = EvaluatorProcessError(
        f"The evaluators of the child process cannot be built: {answer.message}. It wrote:\n{written or '(nothing)'}"
    )
    failed.__cause__ = error
    return failed
