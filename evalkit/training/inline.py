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
            if (step + 1) % checkpoint_every == 0:
                evaluation.wait()
                save(state)
        evaluation.inline(num_steps, state.params)

`inline` does nothing where nothing is due. `wait` comes before a checkpoint is saved: what goes on then is of a step to
which a training that is resumed from this checkpoint never comes back. What an evaluator does wrong never ends the
training: it is in the ledger, with its traceback. In `log_dir` everything stands at the step of the parameters that
were evaluated, however late it was found out: in TensorBoard as `eval/<evaluator>/<task>/<metric>`, and in the ledger,
a line for each evaluator (of an `Evaluator`, for each task) and step. A training that is resumed with the same
`log_dir` repeats nothing that has a line there, of the same evaluator and the same parameters.
"""

from __future__ import annotations

import functools
import math
import operator
import os
import weakref
from collections.abc import Callable
from types import TracebackType
from typing import Any, Self, final

import jax
from absl import logging

from evalkit.errors import ArgumentError, ArgumentTypeError
from evalkit.evaluation.daemon_executor import before_exit
from evalkit.evaluation.process_gather import gather_from_processes
from evalkit.inference.agreement import all_alike
from evalkit.inference.engine import Engine
from evalkit.inference.model import Tree
from evalkit.inference.sampling import SamplingParams
from evalkit.training.child_runner import ChildRunner, NoRunner
from evalkit.training.earlier_runs import EarlierRuns, digest_of
from evalkit.training.evaluator_builders import Builders, EvaluatorBuilders
from evalkit.training.inline_log import InlineLog
from evalkit.training.inline_part import Part, Snapshot
from evalkit.training.inline_plan import Plan, Planner
from evalkit.training.inline_record import InlineRecord
from evalkit.training.inline_report import log_skipped
from evalkit.training.inline_runner import InProcessRunner, Runner, copy_of
from evalkit.training.loop_calls import LoopCalls
from evalkit.training.model_access import ModelFns
from evalkit.training.modes import ChildProcess, InLoop, Mode, Overlapped
from evalkit.training.schedule import EvalSchedule

_OVERLAPPED = Overlapped()


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
        patience_s: float = 10.0,
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
          patience_s: how many seconds a training that fails, or a program that ends without `close()`, waits for what
            is being evaluated. What takes longer is cut off, and the log says what that is.

        Raises:
          DuplicateNameError: two evaluators have one name, in whichever list.
          ArgumentError: something that an evaluator needs is missing, or `patience_s` is negative.
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
        if not 0 <= patience_s < math.inf:
            raise ArgumentError(f"patience_s must be a number of seconds, at least 0; found {patience_s!r}.")
        builders = EvaluatorBuilders(
            evaluator_builders if schedule.eval_every else (),
            infrequent_evaluator_builders if schedule.infrequent_eval_every else (),
            *(engine_builder, model_fns, encoding, sampling),
        )
        self.schedule, self.mode = schedule, mode
        with all_alike("inline evaluation"):
            self._log = InlineLog(log_dir) if jax.process_index() == 0 else None
        self._runner = _runner_of(mode, builders, self._log, os.fspath(log_dir))
        self._earlier, self._planner = None, None
        if self._log is not None:
            self._earlier = EarlierRuns(self._log, self._runner.facts, schedule)
            self._planner = Planner(mode, schedule.num_steps, self._earlier, self._runner)
        self._held: dict[Part, Snapshot] = {}
        self._last: int | None = None
        self._closed = False
        self._patience_s = patience_s
        before_exit(functools.partial(_abandon, weakref.ref(self._runner), patience_s))

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
        due, runner = self.schedule.due(number), self._runner
        parts = [*(runner.frequent if due.frequent else ()), *(runner.infrequent if due.infrequent else ())]
        if parts or self._held:
            now = Snapshot(number, params, digest_of(params) if parts else "")
            plan = None if self._planner is None else self._planner.plan(now, parts, self._held)
            self._carry_out(gather_from_processes(plan)[0], now)

    def wait(self) -> None:
        """Waits until everything that was due is evaluated and logged. To be called before a checkpoint is saved.

        A training that is killed is resumed from a checkpoint, and comes to no step before it again: what was not
        logged by then would be lost. What is held back as others were busy is evaluated now, whatever `when_busy` says.
        """
        for step in sorted({of.step for of in self._held.values()}):
            parts = [part for part, of in self._held.items() if of.step == step]
            self._runner.start(self._held[parts[0]], parts)
        self._held.clear()
        self._runner.wait()
        if self._log is not None:
            self._log.flush()

    def close(self) -> None:
        """Waits for everything that is due or runs. Closing again does nothing; nothing that failed is raised."""
        if self._closed:
            return
        self._closed = True
        self.wait()
        self._runner.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """Closes; where training has failed, it is not held up for longer than `patience_s`."""
        if error is None:
            self.close()
            return
        self._closed = True
        self._held.clear()  # they are evaluated when training is resumed
        self._runner.abandon(self._patience_s)

    def _warn_of_missed(self, step: int) -> None:
        if self._last is None:
            if self._earlier is not None:
                self._earlier.begin(step, self._runner.frequent, self._runner.infrequent)
        elif (missed := self.schedule.between(self._last, step)) is not None:
            logging.warning(
                "Evaluators were due at step %d, but `inline` was called for steps %d and %d only. Call it "
                "before each update, or let every `every` be a multiple of the updates that are made at once.",
                *(missed, self._last, step),
            )
        self._last = step

    def _carry_out(self, plan: Plan, now: Snapshot) -> None:
        for part in plan.skipped:
            log_skipped(self._log, part, self._runner.facts, self._held.pop(part, now))
        for step, parts in plan.started.items():
            held = [self._held.pop(part) for part in parts if part in self._held]
            self._runner.start(now if step == now.step else held[0], parts)
        if plan.held:
            copied = now._replace(params=copy_of(now.params))
            self._held.update(dict.fromkeys(plan.held, copied))
        if isinstance(self.mode, InLoop):
            self._runner.wait()


def _abandon(runner: weakref.ref[Runner], patience_s: float) -> None:
    """At the end of the program, if it has not been closed."""
    if (found := runner()) is not None:
        found.abandon(patience_s)


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
