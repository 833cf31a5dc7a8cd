"""evalkit demo: a tiny Flax language model learns to add, and is evaluated while it does.

Trains on the CPU for about a minute. Every 50 steps the Evaluator asks it for 500 sums that it never saw (predict_fn,
greedy) and for the likelihood of the right answers (score_fn). Metrics go to TensorBoard and JSONL.

examples:
  evalkit demo
  evalkit demo --steps=200 --log_dir=/tmp/demo
"""

from __future__ import annotations

import datetime
from collections.abc import Sequence

from absl import app, flags
from tqdm import tqdm

from evalkit.cli import results, table
from evalkit.demo.addition import ADDITION
from evalkit.demo.run import Evaluation
from evalkit.demo.run import run as run_demo
from evalkit.demo.training import TrainingPlan, TrainingState


def define_flags(values: flags.FlagValues) -> None:
    """Defines the flags of `evalkit demo`."""
    plan = TrainingPlan()
    flags.DEFINE_integer("steps", plan.num_steps, "training steps", lower_bound=1, flag_values=values)
    flags.DEFINE_integer("eval_every", plan.eval_every, "steps between evaluations", lower_bound=1, flag_values=values)
    flags.DEFINE_integer("seed", plan.seed, "of the parameters and of the order of examples", flag_values=values)
    flags.DEFINE_string(
        "log_dir", None, "where results go; by default a folder of its own in runs/demo", flag_values=values
    )


def run(values: flags.FlagValues, positional: Sequence[str]) -> None:
    """Trains, evaluates, and prints what came out."""
    if positional:
        raise app.UsageError(f"`evalkit demo` takes only flags, found {' '.join(positional)!r}")
    plan = TrainingPlan(num_steps=values.steps, eval_every=values.eval_every, seed=values.seed)
    log_dir = values.log_dir or f"runs/demo/{datetime.datetime.now():%Y-%m-%d_%H-%M-%S}"
    print(f"Training a tiny language model to add, for {plan.num_steps} steps, evaluated every {plan.eval_every}.")
    with tqdm(total=plan.num_steps, unit=" steps", desc="compiling") as bar:

        def show(state: TrainingState) -> None:
            if state.step == 1:
                bar.set_description("training", refresh=False)
            bar.update(state.step - bar.n)
            bar.set_postfix(loss=f"{state.loss:.3f}", refresh=False)

        evaluations = run_demo(log_dir, plan, show)
    print(f"\nTask {ADDITION.name!r}, split 'validation', sums that were never trained on:\n")
    print(summary(evaluations))
    print(f"\n{results.where(log_dir, ADDITION.name, plan.num_steps)}")


def summary(evaluations: Sequence[Evaluation]) -> str:
    """The evaluations as a table, a row each."""
    names = list(evaluations[0].metrics)
    rows = [[step, loss if step else None, *(metrics[name] for name in names)] for step, loss, metrics in evaluations]
    return table.render(["step", "training_loss", *names], rows)
