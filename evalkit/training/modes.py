"""Where evaluators run while a model is trained, and what is done where they are slower than the training.

* `InLoop`: training waits for all of it.
* `Overlapped`: the model is asked in the training loop, between two updates; judging and logging go on beside training.
* `ChildProcess`: all of it goes on in another process, on a copy of the parameters. What happens there, happens there:
  an evaluator may raise, hang, exit or run out of memory, and training goes on.
"""

from __future__ import annotations

import abc
import dataclasses
from collections.abc import Mapping
from typing import Literal, final, get_args

from evalkit.errors import ArgumentError, ArgumentTypeError

WhenBusy = Literal["wait", "latest", "skip"]
"""What is done where evaluators are due, and an earlier step is still being evaluated.

* "wait": training waits.
* "latest": the parameters are copied, and evaluated as soon as there is time; of those that wait for the same evaluator
  the last ones are kept, and the others count as skipped.
* "skip": the step counts as skipped.

The final step is never skipped: training waits for it.
"""


class Mode(abc.ABC):  # noqa: B024 - a kind, told apart by class: there is nothing that all kinds do
    """Base of the modes."""


@final
@dataclasses.dataclass(frozen=True)
class InLoop(Mode):
    """Training waits until all has been judged and logged."""


@final
@dataclasses.dataclass(frozen=True)
class Overlapped(Mode):
    """The model's part in the loop, everything else off it.

    A hanging evaluator holds up all that follow it, and with "wait" the training, as do `wait` and `close`.

    Attributes:
      when_busy: see `WhenBusy`.

    Raises:
      ArgumentError: `when_busy` is none of these.
    """

    when_busy: WhenBusy = "wait"

    def __post_init__(self) -> None:
        _check_when_busy(self.when_busy)


@final
@dataclasses.dataclass(frozen=True)
class ChildProcess(Mode):
    """Everything in a process of its own, on a copy of the parameters.

    The process is started when `InlineEvaluation` is made, by Python's "spawn", and again after it has died. It imports
    the script of the training, which therefore begins with `if __name__ == "__main__":`. Should the
    machine run out of memory, Linux ends it rather than the training. What it writes goes to a file in `log_dir`.

    Attributes:
      when_busy: see `WhenBusy`.
      timeout_s: how long one evaluator, or one task of an `Evaluator`, may take at one step; then the process is
        killed. So it is if it does not end within this time when training has. None is any time, and a minute for the
        end.
      start_timeout_s: how long the process may take to start and to build the evaluators, which may have examples to
        read. None is any time.
      environment: set in the process, over what this one has. By default it computes on the CPU: most accelerators
        serve one process only. A GPU of its own is `{"JAX_PLATFORMS": "cuda", "CUDA_VISIBLE_DEVICES": "1"}`.

    Raises:
      ArgumentError: `when_busy` is none of these, or a timeout is not positive.
      ArgumentTypeError: the environment has names or values that are no text.
    """

    when_busy: WhenBusy = "wait"
    timeout_s: float | None = None
    start_timeout_s: float | None = 1800.0
    environment: Mapping[str, str] = dataclasses.field(default_factory=lambda: {"JAX_PLATFORMS": "cpu"})

    def __post_init__(self) -> None:
        _check_when_busy(self.when_busy)
        for name in ("timeout_s", "start_timeout_s"):
            seconds = getattr(self, name)
            if seconds is not None and not seconds > 0:
                raise ArgumentError(f"{name} must be positive, or None for any time; found {seconds!r}.")
        for name, value in self.environment.items():
            if not isinstance(name, str) or not isinstance(value, str):
                raise ArgumentTypeError(f"An environment is text by name; found {name!r}: {value!r}.")


def _check_when_busy(found: str) -> None:
    if found not in get_args(WhenBusy):
        raise ArgumentError(f"when_busy is one of {', '.join(map(repr, get_args(WhenBusy)))}; found {found!r}.")
