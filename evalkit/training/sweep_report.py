"""What a sweep found: an entry for each checkpoint and task, and which checkpoint is the best."""

from __future__ import annotations

import dataclasses
import math
import re
from collections.abc import Mapping
from typing import Any, Literal, NamedTuple, Self, final

from evalkit.errors import ArgumentError, EvaluationError, MetricError, nearest_names
from evalkit.metrics.counts import EvalCounts

Order = Literal["highest", "lowest"]

_LOWER_IS_BETTER = re.compile(
    r"(^|[_/])(loss|losses|perplexity|ppl|nll|error|errors|error_rate|wer|cer|ter|mse|rmse|mae|bits|bpb|bpc|"
    r"cross_entropy|brier|ece|wrong|failed|unparsed|truncated)($|[_/])"
)


@final
@dataclasses.dataclass(frozen=True)
class SweepEntry:
    """One task at one checkpoint.

    Attributes:
      step: of the checkpoint.
      checkpoint: its identity.
      task: name of the task.
      split: of the task.
      metrics: numbers by name; NaN where a metric gave no finite number. Metrics of other kinds are in TensorBoard.
      counts: how many examples are right, wrong or something else.
      failures: what failed, in a line each; empty if nothing did.
      rows: the file with an example a line; empty if nothing was judged.
    """

    step: int
    checkpoint: str
    task: str
    split: str
    metrics: Mapping[str, float]
    counts: EvalCounts
    failures: tuple[str, ...] = ()
    rows: str = ""

    @property
    def status(self) -> str:
        """Either "done" or "failed", wholly or in part."""
        return "failed" if self.failures else "done"

    def as_json(self) -> dict[str, Any]:
        """What a line of the results has."""
        return {
            "step": self.step,
            "task": self.task,
            "split": self.split,
            "status": self.status,
            "metrics": {name: value if math.isfinite(value) else None for name, value in self.metrics.items()},
            "counts": self.counts.as_dict(),
            "failures": list(self.failures),
            "checkpoint": self.checkpoint,
            "rows": self.rows,
        }

    @classmethod
    def from_json(cls, fields: Mapping[str, Any]) -> Self:
        """Reads what `as_json` gave.

        Raises:
          KeyError, TypeError, ValueError: it is something else.
        """
        metrics = {name: math.nan if value is None else float(value) for name, value in fields["metrics"].items()}
        told = {name: fields[name] for name in ("step", "checkpoint", "task", "split", "rows")}
        return cls(**told, metrics=metrics, counts=EvalCounts(**fields["counts"]), failures=tuple(fields["failures"]))


class Best(NamedTuple):
    """The best checkpoint by one metric.

    Attributes:
      entry: of the best; of several that are equal the earliest.
      metric: its full name, with the task where there are several.
      value: of the metric.
      order: whether the highest or the lowest value was taken.
      num_equal: how many checkpoints have this value.
    """

    entry: SweepEntry
    metric: str
    value: float
    order: Order
    num_equal: int


@final
@dataclasses.dataclass(frozen=True)
class SweepReport:
    """All results of a sweep, those of earlier runs included.

    Attributes:
      entries: in the order of steps and tasks.
      lost: by step, the checkpoints that were deleted before they were evaluated on all tasks, and on which not.
      damaged: by step, the checkpoints that could not be read, and why.
    """

    entries: tuple[SweepEntry, ...]
    lost: Mapping[int, str] = dataclasses.field(default_factory=dict)
    damaged: Mapping[int, str] = dataclasses.field(default_factory=dict)

    @property
    def tasks(self) -> list[str]:
        """The names of the tasks, in order of their names."""
        return sorted({entry.task for entry in self.entries})

    def of_task(self, task: str) -> list[SweepEntry]:
        """The entries of one task, in the order of steps."""
        return [entry for entry in self.entries if entry.task == task]

    def best(self, metric: str, order: Order | None = None) -> Best:
        """The checkpoint that is best by `metric`.

        Args:
          metric: its name, or `task/name` where several tasks have one of that name.
          order: whether the highest or the lowest value is best. None goes by the name: of a loss, a perplexity or an
            error rate the lowest, of all else the highest.

        Raises:
          ArgumentError: no task has such a metric, or several have, or `order` is something else.
        """
        if order not in ("highest", "lowest", None):
            raise ArgumentError(f"order must be 'highest', 'lowest' or None, found {order!r}.")
        task, name = self._task_and_name(metric)
        entries = [entry for entry in self.of_task(task) if math.isfinite(entry.metrics.get(name, math.nan))]
        if not entries:
            raise ArgumentError(f"Metric {metric!r} of task {task!r} has no finite value at any checkpoint.")
        chosen: Order = order or ("lowest" if _LOWER_IS_BETTER.search(name.lower()) else "highest")
        value = (max if chosen == "highest" else min)(entry.metrics[name] for entry in entries)
        equal = [entry for entry in entries if entry.metrics[name] == value]
        return Best(equal[0], f"{task}/{name}" if len(self.tasks) > 1 else name, value, chosen, len(equal))

    def _task_and_name(self, metric: str) -> tuple[str, str]:
        known = dict.fromkeys((entry.task, name) for entry in self.entries for name in entry.metrics)
        found = [(task, name) for task, name in known if metric in (name, f"{task}/{name}")]
        if not found:
            names = [name for _, name in known] + [f"{task}/{name}" for task, name in known]
            near = ", ".join(map(repr, nearest_names(metric, names) or names[:3])) or "none"
            raise ArgumentError(f"No task of the sweep has a metric {metric!r}. Nearest: {near}.")
        if len(found) > 1:
            raise ArgumentError(
                f"Metric {metric!r} is one of several tasks. Say which: "
                f"{', '.join(repr(f'{task}/{name}') for task, name in found)}."
            )
        return found[0]

    def raise_failures(self) -> None:
        """Raises what failed, if anything did; a checkpoint that was deleted in time is no failure.

        Raises:
          EvaluationError: checkpoints that could not be read, and tasks that failed wholly or in part.
        """
        failures = [MetricError(f"Step {step}: {why}") for step, why in self.damaged.items()]
        failures += [
            MetricError(f"Step {entry.step}, task {entry.task!r}: {line}")
            for entry in self.entries
            for line in entry.failures
        ]
        if failures:
            raise EvaluationError(f"{len(failures)} failure(s) in this sweep; the rest was evaluated", failures)
