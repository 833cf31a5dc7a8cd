"""evalkit evaluate: evaluates one checkpoint that Orbax wrote.

The model comes from a function of yours that returns an `evalkit.training.CheckpointModel`. What was evaluated once is
shown again, and not computed again; what was interrupted goes on where it was.

examples:
  evalkit evaluate --checkpoint=runs/a/checkpoints/100 --tasks=gsm8k --model=my_model:build
  evalkit evaluate --checkpoint=runs/a/checkpoints --tasks=mine,other --import=my_tasks --model=my_model:build
"""

from __future__ import annotations

import os
from collections.abc import Sequence

from absl import app, flags

from evalkit.cli import checkpoint_flags
from evalkit.evaluations.checkpoint import Checkpoint
from evalkit.training.sweep_files import RESULTS


def define_flags(values: flags.FlagValues) -> None:
    """Defines the flags of `evalkit evaluate`."""
    checkpoint_flags.define_checkpoint_flags(values)
    flags.DEFINE_string(
        "checkpoint",
        None,
        "the folder of a checkpoint; or of a CheckpointManager, for its last one",
        required=True,
        flag_values=values,
    )
    flags.DEFINE_integer(
        "step", None, "which one of a CheckpointManager; or the step, if no folder's name tells it", flag_values=values
    )
    flags.DEFINE_string("output_dir", "runs/evaluate", "where results are kept", flag_values=values)


def run(values: flags.FlagValues, positional: Sequence[str]) -> None:
    """Evaluates, and prints what came out and where it went."""
    if positional:
        raise app.UsageError(f"`evalkit evaluate` takes only flags, found {' '.join(positional)!r}")
    checkpoint = Checkpoint.find(values.checkpoint, values.step)
    sweep = checkpoint_flags.sweep_of(values, values.output_dir)
    with checkpoint_flags.ProgressBars() as bars:
        report = sweep.evaluate(checkpoint, bars)
    print(f"Checkpoint {checkpoint.path}, step {checkpoint.step}:")
    for task in report.tasks:
        [entry] = report.of_task(task)
        print(f"\nTask {task!r}, split {entry.split!r}:\n\n{checkpoint_flags.render([entry])}")
        if entry.rows:
            print(f"\nOutputs:   {entry.rows}")
    print(f"\nResults:   {os.path.join(values.output_dir, RESULTS)}")
    print(f"Curves:    tensorboard --logdir {values.log_dir or values.output_dir}")
    report.raise_failures()
