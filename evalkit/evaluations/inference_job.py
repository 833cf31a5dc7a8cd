"""An engine and the parameters to evaluate, as one argument."""

from __future__ import annotations

import dataclasses
from typing import final

from evalkit.errors import ArgumentTypeError
from evalkit.inference.engine import Engine
from evalkit.inference.model import Tree


@final
@dataclasses.dataclass(frozen=True)
class InferenceJob:
    """What evaluations run on. Make a new one for new parameters and keep the engine, which holds what it compiled.

    Attributes:
      engine: computes.
      params: the parameters. A trainer that donates its buffers must not do so while a job with them is in use.

    Raises:
      ArgumentTypeError: `engine` is no Engine.
    """

    engine: Engine
    params: Tree = dataclasses.field(repr=False)

    def __post_init__(self) -> None:
        if not isinstance(self.engine, Engine):
            raise ArgumentTypeError(f"engine must be an Engine, found {type(self.engine).__name__}.")
