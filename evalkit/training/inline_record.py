"""What became of an evaluator, or of one task of an `Evaluator`, at a step, as the ledger and callers have it."""

from __future__ import annotations

import dataclasses
import math
import numbers
import traceback
from collections.abc import Mapping
from typing import Any, Literal, Self, final

import numpy as np

from evalkit.errors import MetricError, told
from evalkit.metrics.counts import EvalCounts
from evalkit.metrics.values import MetricValue, Scalar, Text
from evalkit.training.inline_part import Part

Status = Literal["done", "failed", "skipped"]
TaskMetrics = Mapping[str, Mapping[str, Any]]


@final
@dataclasses.dataclass(frozen=True)
class Finding:
    """What an evaluator found at one step.

    Attributes:
      metrics: `{task: {metric: a number or a MetricValue}}`.
      counts: by task, how many examples are right, wrong or something else.
      failure: what failed, wholly or in part; None if nothing did.
    """

    metrics: TaskMetrics = dataclasses.field(default_factory=dict)
    counts: Mapping[str, EvalCounts] = dataclasses.field(default_factory=dict)
    failure: BaseException | None = None

    def checked(self, part: Part, step: int) -> Finding:
        """This, failed if one of its numbers is none: NaN counts as a failure of the evaluator."""
        odd = [
            f"{task}/{name} is {number}"
            for task, values in self.metrics.items()
            for name, value in values.items()
            if (number := number_of(value)) is not None and not math.isfinite(number)
        ]
        if not odd or self.failure is not None:
            return self
        try:  # so that it has a traceback, as any other failure
            raise MetricError(
                f"{part} at step {step}: {'; '.join(odd)}; expected finite numbers. Look at the "
                "outputs of the model at this step, and for a division by zero in the metric."
            )
        except MetricError as error:
            return dataclasses.replace(self, failure=error)


@final
@dataclasses.dataclass(frozen=True)
class InlineRecord:
    """One evaluator, or one task of an `Evaluator`, at one step: a line of the ledger.

    Attributes:
      step: of the training.
      evaluator: its name.
      task: of an `Evaluator`, the task; empty for other evaluators.
      status: "done"; "failed", wholly or in part; or "skipped", as an earlier step was still being evaluated.
      metrics: `{task: {metric: value}}`: numbers, texts, and None for what JSON has no form of, such as pictures or
        NaN.
      counts: by task, how many examples there were (`total`), and how many of each kind.
      seconds: how long it took, from asking the model to the last metric.
      held_seconds: for how much of that time training was held up.
      error: what failed, in a line; empty if nothing did.
      traceback: where it failed.
      fingerprint: of the evaluator: its code, settings and examples; empty where that cannot be told.
      parameters: a digest of the parameters; empty where that cannot be told.
    """

    step: int
    evaluator: str
    status: Status
    metrics: TaskMetrics = dataclasses.field(default_factory=dict)
    counts: Mapping[str, Mapping[str, int]] = dataclasses.field(default_factory=dict)
    seconds: float = 0.0
    held_seconds: float = 0.0
    error: str = ""
    traceback: str = ""
    task: str = ""
    fingerprint: str = ""
    parameters: str = ""

    @classmethod
    def of(cls, part: Part, step: int, finding: Finding, seconds: float) -> Self:
        """The record of what was found."""
        failure = finding.failure
        return cls(
            step,
            part.evaluator,
            "done" if failure is None else "failed",
            {task: {name: _plain(value) for name, value in values.items()} for task, values in finding.metrics.items()},
            {task: counts.as_dict() for task, counts in finding.counts.items()},
            round(seconds, 6),
            error="" if failure is None else told(failure),
            traceback="" if failure is None else "".join(traceback.format_exception(failure)),
            task=part.task,
        )

    @property
    def part(self) -> Part:
        """What was evaluated."""
        return Part(self.evaluator, self.task)

    @classmethod
    def from_line(cls, fields: Mapping[str, Any]) -> Self:
        """A record as `as_line` gave it; fields of later versions are left out.

        Raises:
          TypeError: fields are missing.
        """
        known = {field.name for field in dataclasses.fields(cls)}
        return cls(**{name: value for name, value in fields.items() if name in known})

    def as_line(self) -> dict[str, Any]:
        """What a line of the ledger has."""
        return {field.name: getattr(self, field.name) for field in dataclasses.fields(self)}


def number_of(value: Any) -> float | None:
    """The number that a metric is; None if it is something else.

    >>> number_of(Scalar(np.float32(0.5))), number_of(Text("a"))
    (0.5, None)
    """
    value = value.value if isinstance(value, Scalar) else value
    if isinstance(value, numbers.Real | np.generic) or getattr(value, "ndim", None) == 0:
        try:
            return float(value)
        except (TypeError, ValueError):
            return None
    return None


def _plain(value: Any) -> Any:
    number = number_of(value)
    if number is not None:
        whole = isinstance(value, numbers.Integral) and not isinstance(value, bool)
        return int(value) if whole else number if math.isfinite(number) else None
    if isinstance(value, Text):
        return value.textdata if isinstance(value.textdata, str) else value.textdata.decode("utf-8", "replace")
    return None


def shown(value: Any) -> MetricValue:
    """A metric as loggers take it."""
    return value if isinstance(value, MetricValue) else Scalar(value)
