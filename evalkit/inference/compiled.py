"""Compiled functions, kept for as long as an engine lives, and counted.

A function is compiled once for every combination of shapes, dtypes and placements of its arguments. New parameters,
another temperature or another batch are other values, and compile nothing.

    >>> def shifted(by, x):
    ...     return x + by
    >>> functions = CompiledFunctions()
    >>> for x in (np.zeros(3), np.ones(3), np.zeros(4)):
    ...     total = functions.call(shifted, x, static=(2,)).sum()
    >>> float(total), functions.compiles, functions.compiles_of(shifted)
    (8.0, 2, 2)
"""

from __future__ import annotations

import collections
import logging
import time
from collections.abc import Callable, Hashable
from typing import Any, final

import jax
import numpy as np
from jax.sharding import NamedSharding

_log = logging.getLogger(__name__)


@final
class CompiledFunctions:
    """Compiles functions when they are first called with arguments of some shapes."""

    def __init__(self) -> None:
        self._compiled: dict[Hashable, Callable[..., Any]] = {}
        self._counts: collections.Counter[Callable[..., Any]] = collections.Counter()

    @property
    def compiles(self) -> int:
        """How many times anything was compiled so far."""
        return self._counts.total()

    def compiles_of(self, function: Callable[..., Any]) -> int:
        """How many times `function` was compiled so far."""
        return self._counts[function]

    def call(
        self,
        function: Callable[..., Any],
        *arguments: Any,
        static: tuple[Hashable, ...] = (),
        out_shardings: Any = None,
        donate: tuple[int, ...] = (),
    ) -> Any:
        """Calls `function(*static, *arguments)`, compiled.

        Args:
          function: one of a module, not made anew for each call; that it is the same is how it is found again.
          *arguments: trees of arrays; plain numbers become arrays, so that other numbers compile nothing.
          static: what the function is compiled for besides shapes, such as a `Model`; hashable.
          out_shardings: as of `jax.jit`, hashable; None leaves it to the compiler.
          donate: which of `arguments` may be overwritten by results: positions among them.

        Raises:
          TypeError: something static is not hashable.
        """
        leaves, structure = jax.tree.flatten(arguments)
        leaves = [leaf if isinstance(leaf, jax.Array | np.ndarray) else np.asarray(leaf) for leaf in leaves]
        key = (function, static, out_shardings, donate, structure, tuple(map(_signature, leaves)))
        arguments = jax.tree.unflatten(structure, leaves)
        if key not in self._compiled:
            self._compiled[key] = self._compile(function, arguments, static, out_shardings, donate)
        return self._compiled[key](*arguments)

    def _compile(
        self,
        function: Callable[..., Any],
        arguments: tuple[Any, ...],
        static: tuple[Hashable, ...],
        out_shardings: Any,
        donate: tuple[int, ...],
    ) -> Callable[..., Any]:
        begin = time.perf_counter()

        def with_static(*arguments: Any) -> Any:
            return function(*static, *arguments)

        jitted = jax.jit(with_static, out_shardings=out_shardings, donate_argnums=donate)
        compiled: Callable[..., Any] = jitted.lower(*arguments).compile()
        self._counts[function] += 1
        name = getattr(function, "__name__", repr(function))
        _log.info("Compiled %s, number %d, in %.1f s.", name, self._counts[function], time.perf_counter() - begin)
        return compiled


def _signature(leaf: Any) -> Hashable:
    """What a compiled function depends on of an argument."""
    if isinstance(leaf, np.ndarray):
        return leaf.shape, leaf.dtype
    weak = getattr(leaf, "weak_type", False)  # keys of random numbers, which `nnx.state` has among the rest, have none
    return leaf.shape, leaf.dtype, weak, _placement(leaf.sharding)


def _placement(sharding: Hashable) -> Hashable:
    """The same for shardings that differ only by axes named at the end that are not split: they mean the same."""
    if not isinstance(sharding, NamedSharding):
        return sharding
    names = list(sharding.spec)
    while names and names[-1] is None:
        names.pop()
    return sharding.mesh, tuple(names), sharding.memory_kind
