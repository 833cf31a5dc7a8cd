"""Where the parameters come from that a job evaluates: a trainer, asked anew each time, or a checkpoint."""

from __future__ import annotations

import abc
import dataclasses
from collections.abc import Callable
from typing import Any, NamedTuple, Protocol, final

from evalkit.errors import ArgumentTypeError
from evalkit.evaluations.checkpoint import Checkpoint
from evalkit.evaluations.result_files import StateKey
from evalkit.inference.model import Tree
from evalkit.inference.parameter_digest import parameter_digest


class TrainingState(Protocol):
    """What of a trainer's state is evaluated; Flax's `TrainState` has it."""

    @property
    def step(self) -> Any:
        """How many steps were made: a number, or an array that holds one."""

    @property
    def params(self) -> Tree:
        """The parameters."""


class Trainer(Protocol):
    """Whatever has a `state`, and puts another in its place at each step."""

    @property
    def state(self) -> TrainingState:
        """The state of now."""


class ModelState(NamedTuple):
    """Parameters at one moment.

    Attributes:
      key: tells which ones.
      params: gives them.
    """

    key: StateKey
    params: Callable[[], Tree]


class ModelSource(abc.ABC):
    """Gives parameters when they are wanted, and keeps none."""

    @abc.abstractmethod
    def current(self) -> ModelState:
        """The parameters of now."""


@final
@dataclasses.dataclass(frozen=True)
class TrainerSource(ModelSource):
    """The parameters of a trainer, by their content: another run that reaches the same step is another one.

    Raises:
      ArgumentTypeError: the trainer has no state with `step` and `params`.
    """

    trainer: Trainer

    def __post_init__(self) -> None:
        state = getattr(self.trainer, "state", None)
        missing = [name for name in ("step", "params") if not hasattr(state, name)]
        if missing:
            raise ArgumentTypeError(
                f"A trainer has a `state` with `step` and `params`; {type(self.trainer).__name__} has "
                f"{'no state' if state is None else 'a state without ' + ' and '.join(missing)}."
            )

    def current(self) -> ModelState:
        """See `ModelSource`."""
        state = self.trainer.state
        params = state.params
        return ModelState(StateKey(int(state.step), parameter_digest(params)), lambda: params)


@final
@dataclasses.dataclass(frozen=True)
class CheckpointSource(ModelSource):
    """The parameters in a checkpoint, which are read each time that they are wanted."""

    checkpoint: Checkpoint
    restore: Callable[[Checkpoint], Tree]

    def current(self) -> ModelState:
        """See `ModelSource`."""
        return ModelState(
            StateKey(self.checkpoint.step, self.checkpoint.identity), lambda: self.restore(self.checkpoint)
        )
