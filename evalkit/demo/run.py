"""Training with evaluation and checkpoints, as a trainer does it. A run that was cut off goes on when it is run again.

In `log_dir` are, beside what `InlineEvaluation` writes: `checkpoints/`, one for every so many updates, written by
Orbax; `training-metrics.jsonl`, the training loss; and `<task>-….jsonl`, what the model answered.
"""

from __future__ import annotations

import dataclasses
import functools
import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import final

import jax
import orbax.checkpoint as ocp
from flax.training.train_state import TrainState

from evalkit.demo.addition import ADDITION
from evalkit.demo.arithmetic import ARITHMETIC, LENGTHS, SUBTRACTION
from evalkit.demo.evaluators import CONVERTER, GREEDY, engine, evaluator, language_model
from evalkit.demo.training import TrainingPlan, batches, data_mesh, new_state, update
from evalkit.errors import ArgumentError
from evalkit.loggers.jsonl import JSONLogger
from evalkit.metrics.values import Scalar
from evalkit.training.inline import InlineEvaluation
from evalkit.training.inline_record import InlineRecord
from evalkit.training.modes import Mode, Overlapped
from evalkit.training.schedule import EvalSchedule

CHECKPOINTS = "checkpoints"
TRAINING = "training"
"""The name under which the training loss is logged."""

OnStep = Callable[[int, jax.Array], None]
_OVERLAPPED = Overlapped()


@final
@dataclasses.dataclass(frozen=True)
class FinishedRun:
    """What came of a run.

    Attributes:
      state: after the last update.
      records: of all evaluations, those before an interruption too; only in the first process.
    """

    state: TrainState
    records: tuple[InlineRecord, ...]


def run(
    log_dir: str | os.PathLike[str], plan: TrainingPlan, on_step: OnStep | None = None, mode: Mode = _OVERLAPPED
) -> FinishedRun:
    """Trains and evaluates, from the last checkpoint in `log_dir` if there is one.

    Parameters and evaluations are the same, to the bit, whether or not the run was cut off: it goes on with as many
    devices of the same kind, or not at all. In a program of several
    processes all of them call this alike; each reads its own shard of the training data.

    Args:
      log_dir: where everything goes, on a disk that all processes share.
      plan: how long to train, and how often to evaluate and to write a checkpoint.
      on_step: called after each update with the number of updates and the loss, for a progress bar.
      mode: where evaluators run.

    Raises:
      ArgumentError: the run in `log_dir` has another plan, or other devices; or a batch cannot be divided evenly among
        the devices.
    """
    mesh = data_mesh()
    with (
        _checkpoints(log_dir, plan) as checkpoints,
        InlineEvaluation(
            EvalSchedule(plan.num_steps, plan.eval_every, plan.infrequent_eval_every),
            evaluator_builders=[functools.partial(evaluator, ADDITION, log_dir)],
            infrequent_evaluator_builders=[functools.partial(evaluator, SUBTRACTION, log_dir)],
            engine_builder=functools.partial(engine, mesh if mesh.size > 1 else None),
            sampling=GREEDY,
            log_dir=log_dir,
            mode=mode,
        ) as evaluation,
    ):
        state = _latest(checkpoints, new_state(language_model(), plan, mesh))
        first_step = int(state.step)
        data = batches(ARITHMETIC, LENGTHS, CONVERTER, plan, mesh, first_step)
        log_loss = _loss_log(log_dir, plan)
        for step in range(first_step, plan.num_steps):
            evaluation.inline(step, state.params)
            state, loss = update(state, next(data))
            log_loss(step + 1, loss)
            if (step + 1) % plan.checkpoint_every == 0 or step + 1 == plan.num_steps:
                evaluation.wait()  # a run that goes on from here comes to no step before it again
                checkpoints.save(step + 1, args=ocp.args.StandardSave(state), force=True)
            if on_step is not None:
                on_step(step + 1, loss)
        evaluation.inline(plan.num_steps, state.params)
    return FinishedRun(state, evaluation.records)


def _checkpoints(log_dir: str | os.PathLike[str], plan: TrainingPlan) -> ocp.CheckpointManager:
    """The checkpoints of this run, each of them finished or not there.

    Raises:
      ArgumentError: they are of a run with another plan, or with other processes or devices: data would be others, or
        sums that are added in another order.
    """
    devices = {
        "num_processes": jax.process_count(),
        "num_devices": jax.device_count(),
        "backend": jax.default_backend(),
    }
    wanted = {**dataclasses.asdict(plan), **devices}
    folder = os.path.join(os.path.abspath(log_dir), CHECKPOINTS)
    manager = ocp.CheckpointManager(folder, metadata=wanted)
    found = manager.metadata().custom_metadata or {}
    differing = [name for name, value in wanted.items() if found.get(name) != value]
    if differing:
        manager.close()
        told = ", ".join(f"{name} {found.get(name)} and not {wanted[name]}" for name in differing)
        raise ArgumentError(
            f"The run in {log_dir} has {told}. Pass the same plan to go on with it, on the same devices, or another "
            "log_dir."
        )
    return manager


def _latest(checkpoints: ocp.CheckpointManager, state: TrainState) -> TrainState:
    """The state in the last checkpoint, on the devices of `state`; `state` itself where there is none."""
    step = checkpoints.latest_step()
    if step is None:
        return state
    restored: TrainState = checkpoints.restore(step, args=ocp.args.StandardRestore(state))
    return restored


def _loss_log(log_dir: str | os.PathLike[str], plan: TrainingPlan) -> OnStep:
    """Logs the training loss as often as addition is evaluated, and what earlier runs have logged not again."""
    if jax.process_index():
        return lambda step, loss: None
    logger, path = JSONLogger(log_dir), Path(log_dir, f"{TRAINING}-metrics.jsonl")
    lines = path.read_text(encoding="utf-8").splitlines() if path.exists() else []
    logged = {json.loads(line)["step"] for line in lines}

    def log(step: int, loss: jax.Array) -> None:
        if (step % plan.eval_every == 0 or step == plan.num_steps) and step not in logged:
            logger(TRAINING, step, {"loss": Scalar(float(loss))}, None, None, None)

    return log
