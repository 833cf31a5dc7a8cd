"""evalkit sweep CHECKPOINT_DIR: evaluates all checkpoints of a run, also while it is training.

Each checkpoint is evaluated once, however often the command is called or interrupted. With --follow it waits for more
of them; --until_step, --idle_timeout or Ctrl-C ends that. At the end there is a table and a curve for each task.

examples:
  evalkit sweep runs/a/checkpoints --tasks=gsm8k --model=my_model:build
  evalkit sweep runs/a/checkpoints --tasks=mine --import=my_tasks --model=my_model:build --best=exact_match
  evalkit sweep runs/a/checkpoints --tasks=gsm8k --model=my_model:build --follow --until_step=10000
"""

from __future__ import annotations

import os
from collections.abc import Sequence

from absl import app, flags

from evalkit.cli import checkpoint_flags, plot
from evalkit.errors import ArgumentError
from evalkit.training.sweep import CheckpointSweep
from evalkit.training.sweep_files import RESULTS
from evalkit.training.sweep_report import Best, SweepReport


def define_flags(values: flags.FlagValues) -> None:
    """Defines the flags of `evalkit sweep`."""
    checkpoint_flags.define_checkpoint_flags(values)
    flags.DEFINE_string(
        "results_dir", None, "where results are kept; by default `sweep` beside CHECKPOINT_DIR", flag_values=values
    )
    flags.DEFINE_string(
        "best", None, "names the best checkpoint by this metric (METRIC or TASK/METRIC)", flag_values=values
    )
    flags.DEFINE_enum(
        "best_is",
        None,
        ["highest", "lowest"],
        "which value of --best is best; by default of a loss, perplexity or error rate the lowest, else the highest",
        flag_values=values,
    )
    flags.DEFINE_bool("follow", False, "wait for checkpoints that are still to be written", flag_values=values)
    flags.DEFINE_integer("until_step", None, "with --follow: end after this step", lower_bound=0, flag_values=values)
    flags.DEFINE_float(
        "idle_timeout",
        None,
        "with --follow: end when nothing new came for so many seconds",
        lower_bound=0,
        flag_values=values,
    )
    flags.DEFINE_float(
        "poll", 5.0, "with --follow: seconds between two looks at the folder", lower_bound=0.05, flag_values=values
    )


def run(values: flags.FlagValues, positional: Sequence[str]) -> None:
    """Evaluates, and prints a table and a curve for each task, and which checkpoint is the best."""
    if len(positional) != 1:
        raise app.UsageError(f"`evalkit sweep` takes one folder with checkpoints, found {len(positional)}")
    if not values.follow and (values.until_step is not None or values.idle_timeout is not None):
        raise app.UsageError("--until_step and --idle_timeout end --follow, which is not given")
    [directory] = positional
    results_dir = values.results_dir or _beside(directory)
    sweep = checkpoint_flags.sweep_of(values, results_dir)
    interruption = None
    try:
        report = _evaluated(sweep, directory, values)
    except KeyboardInterrupt as error:
        interruption, report = error, sweep.report(directory)
    problem = show(report, values.best, values.best_is)
    print(f"\nResults:   {os.path.join(results_dir, RESULTS)}")
    print(f"Curves:    tensorboard --logdir {values.log_dir or results_dir}")
    if interruption is not None and not values.follow:  # which ends no other way, unless it was told to
        raise interruption
    report.raise_failures()
    if problem is not None:
        raise problem


def show(report: SweepReport, metric: str | None, order: str | None) -> ArgumentError | None:
    """Prints the results: all that there are, also where it cannot be told which is the best.

    Returns:
      Why it cannot be told, if it cannot.
    """
    best, problem = _best(report, metric, order)
    for task in report.tasks:
        entries = report.of_task(task)
        print(f"\nTask {task!r}, split {entries[0].split!r}:\n\n{checkpoint_flags.render(entries)}")
        name = _plotted(report, task, best)
        curve = name and plot.render(
            f"{task}: {name}",
            [entry.step for entry in entries],
            [entry.metrics.get(name, float("nan")) for entry in entries],
        )
        if curve:
            print(f"\n{curve}")
    if not report.entries:
        print("\nThere are no results.")
    if report.lost:
        print(f"\nDeleted before all tasks were evaluated: step {', '.join(map(str, report.lost))}.")
    for step in report.damaged:
        print(f"\nStep {step} cannot be read.")
    if best is not None:
        print(f"\n{told(best)}")
    if problem is not None:
        print(f"\nBest:      not known. {problem}")
    return problem


def _best(report: SweepReport, metric: str | None, order: str | None) -> tuple[Best | None, ArgumentError | None]:
    if not metric or not report.entries:
        return None, None
    try:
        return report.best(metric, order), None  # type: ignore[arg-type]  # one of the two, as the flag says
    except ArgumentError as error:
        return None, error


def told(best: Best) -> str:
    """Which checkpoint is the best, and by what."""
    others = "" if best.num_equal == 1 else f"; the earliest of {best.num_equal} with this value"
    return f"Best:      step {best.entry.step}, {best.metric} {best.value:.6g} (the {best.order} was taken{others})"


def _plotted(report: SweepReport, task: str, best: Best | None) -> str | None:
    """Which metric of the task is drawn: that of `best`, or else the first."""
    if best is not None and best.entry.task == task:
        return best.metric.removeprefix(f"{task}/")
    return next((name for entry in report.of_task(task) for name in entry.metrics), None)


def _evaluated(sweep: CheckpointSweep, directory: str, values: flags.FlagValues) -> SweepReport:
    with checkpoint_flags.ProgressBars() as bars:
        if not values.follow:
            return sweep.run(directory, bars)

        def wait(report: SweepReport) -> None:
            bars.close()
            print(f"{len(report.entries)} results so far; waiting for more checkpoints in {directory}.", flush=True)

        return sweep.follow(
            directory,
            until_step=values.until_step,
            idle_timeout_s=values.idle_timeout,
            poll_s=values.poll,
            on_progress=bars,
            on_wait=wait,
        )


def _beside(directory: str) -> str:
    if "://" in directory:
        raise ArgumentError(f"Say with --results_dir where results are kept: {directory} is not on this machine.")
    return os.path.join(os.path.dirname(os.path.abspath(directory)), "sweep")
