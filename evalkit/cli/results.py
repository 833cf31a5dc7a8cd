"""Where a command's results went, said in the same words by every command."""

from __future__ import annotations

from pathlib import Path


def where(log_dir: str, task_name: str, last_step: int) -> str:
    """The files that the loggers wrote, and last the command that shows the curves.

    >>> print(where("runs/mine", "gsm8k", 100))
    Metrics:   runs/mine/gsm8k-metrics.jsonl
    Outputs:   runs/mine/gsm8k-000100.jsonl
    Curves:    tensorboard --logdir runs/mine
    """
    return "\n".join(
        [
            f"Metrics:   {Path(log_dir) / f'{task_name}-metrics.jsonl'}",
            f"Outputs:   {Path(log_dir) / f'{task_name}-{last_step:06}.jsonl'}",
            f"Curves:    tensorboard --logdir {log_dir}",
        ]
    )


def caches(output_dir: str) -> str:
    """Where offline caches were written, and how they are read.

    >>> print(caches("runs/caches"))
    Caches:    runs/caches
    To read:   evalkit.data.set_global_cache_dirs(['runs/caches']), then use_cached=True
    """
    lines = [
        f"Caches:    {output_dir}",
        f"To read:   evalkit.data.set_global_cache_dirs([{output_dir!r}]), then use_cached=True",
    ]
    return "\n".join(lines)


def checkpoints(folder: str, tasks: str, model: str) -> str:
    """The command that evaluates all checkpoints in `folder`.

    >>> print(checkpoints("runs/checkpoints", "gsm8k", "mine:model"))
    Sweep:     evalkit sweep runs/checkpoints --tasks=gsm8k --model=mine:model
    """
    return f"Sweep:     evalkit sweep {folder} --tasks={tasks} --model={model}"
