"""evalkit demo: a tiny Flax language model learns to add, and is evaluated while it does.

Trains on the CPU for about a minute. Every 50 steps it is asked for 500 sums that it never saw (greedily), and for the
likelihood of the right answers; every 200 steps for differences, too. Metrics go to TensorBoard and JSONL. With the
same --log_dir again, a run that was cut off goes on from its last checkpoint.

examples:
  evalkit demo
  evalkit demo --steps=200 --log_dir=/tmp/demo
"""

from __future__ import annotations

import datetime
import json
import os
from collections.abc import Sequence
from pathlib import Path

import jax
from absl import app, flags
from tqdm import tqdm

from evalkit.cli import results, table
from evalkit.demo.addition import ADDITION
from evalkit.demo.run import CHECKPOINTS, TRAINING, FinishedRun
from evalkit.demo.run import run as run_demo
from evalkit.demo.training import TrainingPlan
from evalkit.training.inline_record import InlineRecord

_SHOW_EVERY = 10  # steps; to show a loss is to wait for it


def define_flags(values: flags.FlagValues) -> None:
    """Defines the flags of `evalkit demo`."""
    plan = TrainingPlan()
    flags.DEFINE_integer("steps", plan.num_steps, "training steps", lower_bound=1, flag_values=values)
    flags.DEFINE_integer("eval_every", plan.eval_every, "steps between evaluations", lower_bound=1, flag_values=values)
    flags.DEFINE_integer(
        "checkpoint_every", plan.checkpoint_every, "steps between checkpoints", lower_bound=1, flag_values=values
    )
    flags.DEFINE_integer("seed", plan.seed, "of the parameters and of the order of examples", flag_values=values)
    flags.DEFINE_string(
        "log_dir", None, "where results go; by default a folder of its own in runs/demo", flag_values=values
    )


def run(values: flags.FlagValues, positional: Sequence[str]) -> None:
    """Trains, evaluates, and prints what came out."""
    if positional:
        raise app.UsageError(f"`evalkit demo` takes only flags, found {' '.join(positional)!r}")
    plan = TrainingPlan(
        num_steps=values.steps,
        eval_every=values.eval_every,
        infrequent_eval_every=4 * values.eval_every,
        checkpoint_every=values.checkpoint_every,
        seed=values.seed,
    )
    log_dir = values.log_dir or f"runs/demo/{datetime.datetime.now():%Y-%m-%d_%H-%M-%S}"
    print(f"Training a tiny language model to add, for {plan.num_steps} steps, evaluated every {plan.eval_every}.")
    with tqdm(total=plan.num_steps, unit=" steps", desc="compiling") as bar:

        def show(step: int, loss: jax.Array) -> None:
            if step % _SHOW_EVERY == 0 or step == plan.num_steps:
                bar.set_description("training", refresh=False)
                bar.set_postfix(loss=f"{float(loss):.3f}", refresh=False)
                bar.update(step - bar.n)

        finished = run_demo(log_dir, plan, show)
    print(f"\nTask {ADDITION.name!r}, split 'validation', sums that were never trained on:\n")
    print(summary(finished, log_dir))
    print(f"\n{results.checkpoints(os.path.join(log_dir, CHECKPOINTS), ADDITION.name, _MODEL)}")
    print(results.where(log_dir, ADDITION.name, plan.num_steps))


_MODEL = "evalkit.demo.evaluators:checkpoint_model"


def summary(finished: FinishedRun, log_dir: str) -> str:
    """The evaluations of addition as a table, a row each."""
    lines = Path(log_dir, f"{TRAINING}-metrics.jsonl").read_text(encoding="utf-8").splitlines()
    losses = {row["step"]: row["loss"] for row in map(json.loads, lines)}
    found = {record.step: record.metrics.get(ADDITION.name, {}) for record in finished.records if _is_addition(record)}
    names = list(dict.fromkeys(name for metrics in found.values() for name in metrics))
    rows = [[step, losses.get(step), *(metrics.get(name) for name in names)] for step, metrics in sorted(found.items())]
    return table.render(["step", "training_loss", *names], rows)


def _is_addition(record: InlineRecord) -> bool:
    return record.evaluator == ADDITION.name
