"""What scoring and generation share: the model, the shapes, the devices, and the functions that are compiled."""

from __future__ import annotations

import dataclasses
from typing import Any, final

import jax

from evalkit.inference.compiled import CompiledFunctions
from evalkit.inference.ladder import Ladder
from evalkit.inference.model import Model, Tree
from evalkit.inference.model_check import check_model
from evalkit.inference.sharding import DataSharding


@final
@dataclasses.dataclass(frozen=True)
class Runtime:
    """A model on some devices; one is kept for as long as the model is evaluated.

    Attributes:
      model: the model.
      sharding: over what its rows are spread.
      ladder: the shapes that its batches may have.
      cache_budget: how many slots of caches, of all rows of a batch together, there may be.
      compiled: what has been compiled so far.
    """

    model: Model
    sharding: DataSharding
    ladder: Ladder
    cache_budget: int
    compiled: CompiledFunctions = dataclasses.field(default_factory=CompiledFunctions)
    _checked: set[Any] = dataclasses.field(default_factory=set, repr=False)

    def ready(self, params: Tree) -> Tree:
        """`params`, checked against the model and placed where they can be computed with.

        Parameters of a kind that was checked before are not checked again.

        Raises:
          ModelError: they do not fit the model, or lie on other devices; or the model does not do what its description
            says.
        """
        leaves, structure = jax.tree.flatten(params)
        kind = structure, tuple((getattr(leaf, "shape", ()), str(getattr(leaf, "dtype", ""))) for leaf in leaves)
        if kind not in self._checked:
            check_model(self.model, params)
            self._checked.add(kind)
        return self.sharding.place_params(params)
