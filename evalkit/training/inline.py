"""Evaluation while a model is trained, for any training loop.

    with InlineEvaluation(
        EvalSchedule(num_steps, eval_every=100, infrequent_eval_every=1000),
        evaluator_builders=[build_validation],
        infrequent_evaluator_builders=[build_arithmetic],
        engine_builder=build_engine,
        log_dir=log_dir,
    ) as evaluation:
        for step in range(first_step, num_steps):
            evaluation.inline(step, state.params)
            state = update(state, next(batches))
        evaluation.inline(num_steps, state.params)

`inline` does nothing where nothing is due. What an evaluator does wrong never ends the training: it is in the ledger,
with its traceback. In `log_dir` everything stands at the step of the parameters that were evaluated, however late it
was found out: in TensorBoard as `eval/<evaluator>/<task>/<metric>`, and in the ledger, a line for each evaluator and
step. A training that is resumed with the same `log_dir` repeats nothing that has a line there.
"""

from __future__ import annotations

import operator
import os
from collections.abc import Callable, Sequence
from types import TracebackType
from typing import Any, NamedTuple, Self, final

import jax
from absl import logging

from evalkit.errors import ArgumentError, ArgumentTypeError
from evalkit.evaluation.process_gather import gather_from_processes
from evalkit.inference.agreement import all_alike
from evalkit.inference.engine import Engine
from evalkit.inference.model import Tree
from evalkit.inference.sampling import SamplingParams
from evalkit.training.child_runner import ChildRunner, NoRunner
from evalkit.training.evaluator_builders import Builders, EvaluatorBuilders
from evalkit.training.inline_evaluators import ModelFns
from evalkit.training.inline_log import InlineLog
from evalkit.training.inline_record import InlineRecord
from evalkit.training.inline_runner import InProcessRunner, Runner, copy_of
from evalkit.training.loop_calls import LoopCalls, before_exit
from evalkit.training.modes import ChildProcess, InLoop, Mode, Overlapped
from evalkit.training.schedule import EvalSchedule

_OVERLAPPED = Overlapped()


class _Plan(NamedTuple):
    """What all processes do at a step: the first one decides."""

    skipped: list[tuple[str, int]]
    started: dict[int, list[str]]  # of which step, which evaluators
    held: list[str]


@final
class InlineEvaluation:
    """Evaluators that a training loop runs by a schedule, with one call before each update.

    In a program of several processes all of them make it and call it alike. Model functions run in all of them; the
    first process decides, judges and logs.

    Attributes:
      schedule: when evaluators are due.
      mode: where they run.
    """

    def __init__(
        self,
        schedule: EvalSchedule,
        *,
        evaluator_builders: Builders,
        infrequent_evaluator_builders: Builders = (),
        engine_builder: Callable[[], Engine] | None = None,
        model_fns: ModelFns | None = None,
        encoding: Any = None,
        sampling: SamplingParams | None = None,
        log_dir: str | os.PathLike[str],
        mode: Mode = _OVERLAPPED,
    ) -> None:
        """Builds all evaluators, and reads what earlier runs have logged in `log_dir`.

        A builder is a function without arguments that returns an `Evaluator`, an `Evaluation`, or an async function
        that takes a sampling client and returns numbers by name, `{"accuracy": 0.5}` or `{"<task>/accuracy": 0.5}`.
        Builders, `engine_builder`, `model_fns`, `encoding` and `sampling` pickle where evaluators run in a process of
        their own, and are used there only.

        Args:
          schedule: when evaluators are due. Those of a list whose `every` is 0 are not built.
          evaluator_builders: of the evaluators that are due every `eval_every` steps: a list, or by name. Without a
            name, an `Evaluation` has its own, an `Evaluator` that of its tasks, and a function or an object its own.
          infrequent_evaluator_builders: of those that are due every `infrequent_eval_every` steps.
          engine_builder: makes the engine of the model. Clients and evaluations need it, and an `Evaluator` without
            `model_fns`.
          model_fns: for a loop that has functions of its own: from parameters to the arguments of `Evaluator.evaluate`,
            `{"predict_fn": ..., "score_fn": ..., "predict_with_aux_fn": ...}`, those that the tasks need.
          encoding: the tokenizer: a vocabulary, or an object with `encode_batch` and `decode_batch`. Evaluations need
            it, clients that are asked with text, and stop strings.
          sampling: how the engine generates answers for an `Evaluator` or an `Evaluation`; greedily by default. An
            `Evaluation` says itself how many tokens there may be.
          log_dir: where TensorBoard's events, the ledger and what a child process writes go; the same one when a
            training is resumed.
          mode: `InLoop()`, `Overlapped()` or `ChildProcess()`; see `evalkit.training.modes`.

        Raises:
          DuplicateNameError: two evaluators have one name, in whichever list.
          ArgumentError: something that an evaluator needs is missing.
          ArgumentTypeError: something is no builder, no schedule or no mode.
          LoggerError: `log_dir` cannot be made or written, or its ledger is damaged.
          EvaluatorProcessError: the child process did not start. What a builder raises comes through as it is, or as
            the cause of this error.
          ProcessError: another process failed, or has other evaluators.
        """
        if not isinstance(schedule, EvalSchedule):
            raise ArgumentTypeError(f"schedule must be an EvalSchedule, found {schedule!r}.")
        if not isinstance(mode, Mode):
            raise ArgumentTypeError(f"mode must be InLoop(), Overlapped() or ChildProcess(), found {mode!r}.")
        builders = EvaluatorBuilders(
            evaluator_builders if schedule.eval_every else (),
            infrequent_evaluator_builders if schedule.infrequent_eval_every else (),
            *(engine_builder, model_fns, encoding, sampling),
        )
        self.schedule, self.mode = schedule, mode
        with all_alike("inline evaluation"):
            self._log = InlineLog(log_dir) if jax.process_index() == 0 else None
        self._runner = _runner_of(mode, builders, self._log, os.fspath(log_dir))
        self._known: set[tuple[str, int]] = set()
        self._held: dict[str, tuple[int, Tree]] = {}
        self._last: int | None = None
        self._closed = False
        before_exit(self._runner.abandon)

    @property
    def records(self) -> tuple[InlineRecord, ...]:
        """What has been found so far, that of earlier runs included, in the order in which it was logged; in processes
        but the first there is nothing.
        """
        return () if self._log is None else self._log.records

    def inline(self, step: int, params: Tree) -> None:
        """Runs the evaluators that are due. To be called before each update, and once after the last one.

        Args:
          step: how many updates `params` have seen, since the very beginning of the training.
          params: as the engine takes them. They are not used any more when this returns, and may be donated.

        Raises:
          ArgumentError: the step is negative, or this is closed.
          ArgumentTypeError: the step is not whole.
        """
        number = _step(step)
        if self._closed:
            raise ArgumentError(f"Step {number}: this InlineEvaluation is closed. Call `inline` before `close()`.")
        self._warn_of_missed(number)
        self._runner.serve()
        due = self.schedule.due(number)
        names = [*(self._runner.frequent if due.frequent else ()), *(self._runner.infrequent if due.infrequent else ())]
        if names or self._held:
            plan = self._decide(number, names) if self._log is not None else None
            self._carry_out(gather_from_processes(plan)[0], number, params)

    def close(self) -> None:
        """Waits for everything that is due or runs. Closing again does nothing; nothing that failed is raised."""
        if self._closed:
            return
        self._closed = True
        for step in sorted({step for step, _ in self._held.values()}):
            names = [name for name, (of, _) in self._held.items() if of == step]
            self._runner.start(step, self._held[names[0]][1], names)
        self._held.clear()
        self._runner.close()
        if self._log is not None:
            self._log.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if error is not None:
            self._held.clear()  # training has failed, and must not be held up; they are done when it is resumed
        self.close()

    def _warn_of_missed(self, step: int) -> None:
        missed = None if self._last is None else self.schedule.between(self._last, step)
        if missed is not None:
            logging.warning(
                "Evaluators were due at step %d, but `inline` was called for steps %d and %d only. Call it "
                "before each update, or let every `every` be a multiple of the updates that are made at once.",
                *(missed, self._last, step),
            )
        self._last = step

    def _decide(self, step: int, due: Sequence[str]) -> _Plan:
        log, when_busy = self._log, getattr(self.mode, "when_busy", "wait")
        new = [name for name in due if (name, step) not in self._known and not (log and log.has(name, step))]
        self._known.update((name, step) for name in new)
        if new and (when_busy == "wait" or step >= self.schedule.num_steps):
            self._runner.wait()
        waiting = {name: of for name, (of, _) in self._held.items()}
        skipped = [(name, waiting.pop(name)) for name in new if name in waiting]  # there are later parameters now
        if self._runner.unfinished is None:
            started: dict[int, list[str]] = {}
            for name, of in sorted((*waiting.items(), *((name, step) for name in new)), key=lambda each: each[1]):
                started.setdefault(of, []).append(name)
            return _Plan(skipped, started, [])
        if when_busy == "skip":
            return _Plan([(name, step) for name in new], {}, [])
        return _Plan(skipped, {}, new)

    def _carry_out(self, plan: _Plan, step: int, params: Tree) -> None:
        for name, of in plan.skipped:
            self._held.pop(name, None)
            logging.warning("Evaluator %r is skipped at step %d: an earlier step is still being evaluated.", name, of)
            if self._log is not None:
                self._log.add(InlineRecord(of, name, "skipped"))
        for of, names in plan.started.items():
            held = [self._held.pop(name)[1] for name in names if name in self._held]
            self._runner.start(of, params if of == step else held[0], names)
        if plan.held:
            copied = copy_of(params)
            self._held.update((name, (step, copied)) for name in plan.held)
        if isinstance(self.mode, InLoop):
            self._runner.wait()


def _runner_of(mode: Mode, builders: EvaluatorBuilders, log: InlineLog | None, log_dir: str) -> Runner:
    calls = LoopCalls()
    if isinstance(mode, ChildProcess):
        with all_alike("evaluators of a training"):
            child = None if log is None else ChildRunner(mode, builders, log, log_dir)
        frequent, infrequent = gather_from_processes(child and (child.frequent, child.infrequent))[0]
        return child or NoRunner(frequent, infrequent)
    with all_alike("evaluators of a training") as same:
        built = builders.build(calls)
        same(built.frequent, built.infrequent)
    return InProcessRunner(built, calls, log)


def _step(step: Any) -> int:
    try:
        number = operator.index(step)
    except TypeError as error:
        raise ArgumentTypeError(f"A step must be a whole number, found {step!r}.") from error
    if number < 0:
        raise ArgumentError(f"A step is at least 0, found {number}.")
    return number
