"""Parameters on their way to another process: numpy arrays in the tree that they came in.

>>> sent = to_host({"w": jnp.ones(2), "key": jax.random.key(0)})
>>> back = from_host(sent)
>>> type(sent["w"]).__name__, bool((back["key"] == jax.random.key(0)).all())
('ndarray', True)
"""

from __future__ import annotations

import dataclasses
from typing import Any, final

import jax
import jax.numpy as jnp
import numpy as np
from jax.experimental import multihost_utils

from evalkit.columns import Array
from evalkit.inference.model import Tree


@final
@dataclasses.dataclass(frozen=True)
class _Keys:
    """Keys of random numbers, for which numpy has no dtype."""

    implementation: str
    data: Array


def to_host(params: Tree) -> Tree:
    """The same tree with numpy's arrays, which pickle. All processes that share the parameters must call it."""
    return jax.tree.map(_sent, params)


def from_host(params: Tree) -> Tree:
    """What `to_host` made, as an engine takes it."""
    return jax.tree.map(_received, params)


def _sent(leaf: Any) -> Any:
    if isinstance(leaf, jax.Array) and jnp.issubdtype(leaf.dtype, jax.dtypes.prng_key):
        return _Keys(str(jax.random.key_impl(leaf)), _whole(jax.random.key_data(leaf)))
    return _whole(leaf)


def _whole(leaf: Any) -> Array:
    if isinstance(leaf, jax.Array) and not leaf.is_fully_addressable and not leaf.is_fully_replicated:
        return np.asarray(multihost_utils.process_allgather(leaf, tiled=True))
    return np.asarray(leaf)


def _received(leaf: Any) -> Any:
    return jax.random.wrap_key_data(jnp.asarray(leaf.data), impl=leaf.implementation) if _is_keys(leaf) else leaf


def _is_keys(leaf: Any) -> bool:
    return isinstance(leaf, _Keys)
