"""Tells parameters apart by their content, without bringing them to the host.

Each array is summed up on its devices: every element is mixed with its place to a random-looking number, and integer
sums do not depend on their order. So the digest is the same however arrays lie on devices, and in each process.
"""

from __future__ import annotations

import hashlib
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from evalkit.inference.model import Tree

_SEEDS = (0x9E3779B9, 0x7F4A7C15)  # two sums of 32 bits each


def parameter_digest(params: Tree) -> str:
    """64 hexadecimal digits: the same for the same structure, shapes, dtypes and bits, and for no other.

    It tells different parameters apart that differ by training or by accident, 64 bits an array; it is no defence
    against someone who looks for two that are alike.

    Example:
      >>> parameter_digest({"w": jnp.arange(3.0)}) == parameter_digest({"w": np.arange(3, dtype=np.float32)})
      True
      >>> parameter_digest({"w": jnp.arange(3.0)}) == parameter_digest({"w": jnp.array([0.0, 2.0, 1.0])})
      False
    """
    leaves, _ = jax.tree_util.tree_flatten_with_path(params)  # the paths tell the structure
    arrays = [_plain(jnp.asarray(leaf)) for _, leaf in leaves]
    digest = hashlib.sha256()
    for (path, leaf), sums in zip(leaves, jax.device_get(_sums(arrays)), strict=True):
        told = f"{jax.tree_util.keystr(path)}:{jnp.asarray(leaf).dtype}:{np.shape(leaf)};"
        digest.update(told.encode() + np.asarray(sums, np.uint32).tobytes())
    return digest.hexdigest()


def _plain(leaf: jax.Array) -> jax.Array:
    return jax.random.key_data(leaf) if jnp.issubdtype(leaf.dtype, jax.dtypes.prng_key) else leaf


@jax.jit
def _sums(arrays: list[jax.Array]) -> list[jax.Array]:
    return [_sum_of(array) for array in arrays]


def _sum_of(array: jax.Array) -> jax.Array:
    bits = _bits(array)
    place = jnp.zeros(bits.shape, jnp.uint32)
    for axis, size in enumerate(bits.shape):  # not reshaped: an array may be split along any axis
        place = place * np.uint32(size) + jax.lax.broadcasted_iota(jnp.uint32, bits.shape, axis)
    return jnp.stack([jnp.sum(_mixed(bits ^ _mixed(place + np.uint32(seed))), dtype=jnp.uint32) for seed in _SEEDS])


def _bits(array: jax.Array) -> jax.Array:
    """The bits of the elements as uint32; an element of 64 bits gives two."""
    if jnp.issubdtype(array.dtype, jnp.complexfloating):
        array = jnp.stack([array.real, array.imag], axis=-1)
    if array.dtype == jnp.bool_ or _bits_of(array.dtype) < 8:
        array = array.astype(jnp.float32)  # exact, and these have no bits that could be taken as they are
    width = min(_bits_of(array.dtype), 32)
    return jax.lax.bitcast_convert_type(array, f"uint{width}").astype(jnp.uint32)


def _bits_of(dtype: Any) -> int:
    return int((jnp.finfo if jnp.issubdtype(dtype, jnp.floating) else jnp.iinfo)(dtype).bits)


def _mixed(value: jax.Array) -> jax.Array:
    """A permutation of the numbers of 32 bits in which each bit depends on all (Chris Wellons' `lowbias32`)."""
    value = (value ^ (value >> 16)) * np.uint32(0x7FEB352D)
    value = (value ^ (value >> 15)) * np.uint32(0x846CA68B)
    return value ^ (value >> 16)
