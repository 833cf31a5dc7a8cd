"""What runs in the process beside a training: builds the evaluators, and runs them when it is asked.

It ends when the process of the training does. What it writes goes to a file. Should it hang, a signal has all its
threads written there; should the machine run out of memory, Linux is told to end it first.
"""

from __future__ import annotations

import contextlib
import faulthandler
import multiprocessing
import os
import pickle
import signal
import sys
import threading
import time
from collections.abc import Mapping, Sequence
from multiprocessing.connection import Connection
from multiprocessing.reduction import ForkingPickler
from pathlib import Path
from typing import Any, NamedTuple

from evalkit.errors import told
from evalkit.training.evaluator_builders import EvaluatorBuilders
from evalkit.training.host_params import from_host
from evalkit.training.inline_evaluators import InlineEvaluator
from evalkit.training.inline_part import Facts, Part
from evalkit.training.inline_record import Finding, TaskMetrics
from evalkit.training.inline_report import Report, report_of

WHERE_SIGNAL = signal.SIGUSR1
"""Has the stacks of all threads written."""


class Ready(NamedTuple):
    """The evaluators are built: which of them belong to which list, and what is known of them."""

    frequent: tuple[Part, ...]
    infrequent: tuple[Part, ...]
    facts: Mapping[Part, Facts]


class NotBuilt(NamedTuple):
    """A builder raised.

    Attributes:
      message: what it raised.
      error: the same, pickled; empty if it does not pickle.
    """

    message: str
    error: bytes


class Order(NamedTuple):
    """Evaluators are to be run.

    Attributes:
      step: of the training.
      params: as `to_host` made them.
      parts: the evaluators.
    """

    step: int
    params: Any
    parts: Sequence[Part]


def run_child(connection: Connection, builders: bytes, output: str) -> None:
    """The child's main function: answers orders until there is None, or the connection ends.

    Args:
      connection: to the process of the training.
      builders: `EvaluatorBuilders`, pickled: what is wrong with them is told from here.
      output: the file to which everything is appended that is written.
    """
    _set_up(output)
    try:
        given: EvaluatorBuilders = pickle.loads(builders)
        built = given.build(None)
    except BaseException as error:  # noqa: BLE001 - told to the other process, which raises it
        connection.send(NotBuilt(told(error), _pickled(error)))
        return
    facts = {part: evaluator.facts for part, evaluator in built.evaluators.items()}
    connection.send(Ready(built.frequent, built.infrequent, facts))
    with contextlib.suppress(EOFError, ConnectionError):
        while (order := connection.recv()) is not None:
            params = from_host(order.params)
            for part in order.parts:
                _send(connection, _run(built.evaluators[part], order.step, params))
    for evaluator in built.evaluators.values():
        evaluator.close()
    for stream in (sys.stdout, sys.stderr):
        stream.flush()
    os._exit(0)  # whatever threads an evaluator has left


def _set_up(output: str) -> None:
    os.setsid()  # an interrupt from the keyboard is for the training, which says what is to be done
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: None)  # not ignored, which programs that it starts would inherit
    file = os.open(output, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
    sys.stdout.flush()
    sys.stderr.flush()
    for descriptor in (1, 2):
        os.dup2(file, descriptor)
    os.close(file)
    faulthandler.enable(all_threads=True)
    faulthandler.register(WHERE_SIGNAL, all_threads=True)
    with contextlib.suppress(OSError):  # elsewhere than on Linux
        Path("/proc/self/oom_score_adj").write_text("1000")
    threading.Thread(target=_end_with_parent, daemon=True).start()


def _end_with_parent() -> None:
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os.killpg(os.getpid(), signal.SIGKILL)  # this process, and what an evaluator has forked


def _run(evaluator: InlineEvaluator, step: int, params: Any) -> Report:
    begin = time.perf_counter()
    try:
        finding = evaluator.ask(step, params)()
    except BaseException as error:  # noqa: BLE001 - it is in the record
        finding = Finding(failure=error)
    return report_of(evaluator.part, evaluator.facts, step, finding, time.perf_counter() - begin)


def _send(connection: Connection, report: Report) -> None:
    try:
        content = ForkingPickler.dumps(report)
    except Exception:  # noqa: BLE001 - a value of a kind that only this process knows may raise anything
        content = ForkingPickler.dumps(Report(report.record, _numbers(report.record.metrics)))
    connection.send_bytes(content)


def _numbers(metrics: TaskMetrics) -> Mapping[str, Mapping[str, Any]]:
    return {
        task: {name: value for name, value in values.items() if isinstance(value, int | float)}
        for task, values in metrics.items()
    }


def _pickled(error: BaseException) -> bytes:
    try:
        content = pickle.dumps(error)
        pickle.loads(content)
    except Exception:  # noqa: BLE001 - an exception may fail to pickle in any way; its message is told in any case
        return b""
    return content
