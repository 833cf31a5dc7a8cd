"""How batches are spread over devices, and how results come back.

Rows are split over the data axes of a mesh; parameters stay as they are. Every process holds the same rows, and cuts
out what its own devices need, so nothing is sent between processes but by the model. Results are replicated, so that
each process reads all of them from its first device.

    >>> one_device = DataSharding()
    >>> one_device.num_shards, one_device.put({"tokens": np.zeros((2, 3), np.int32)})["tokens"].shape
    (1, (2, 3))
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Iterable
from typing import Any, final

import jax
import jax.numpy as jnp
import numpy as np
from jax.sharding import Mesh, NamedSharding, PartitionSpec

from evalkit.errors import ArgumentError, ArgumentTypeError, ModelError

Tree = Any  # a pytree of arrays


@final
@dataclasses.dataclass(frozen=True)
class DataSharding:
    """Where rows and results lie.

    Axes that are declared `Explicit` (as `jax.make_mesh` does) are taken as `Auto`: the mesh then says where arrays
    lie, and not how they may be computed with.

    Attributes:
      mesh: the devices; None for one device, or for wherever the parameters are.
      axes: the axes of `mesh` over which rows are split.

    Raises:
      ArgumentTypeError: `mesh` is no mesh.
      ArgumentError: the mesh does not have one of the axes, or there are none, or one comes twice.
    """

    mesh: Mesh | None = None
    axes: tuple[str, ...] = ("data",)

    def __post_init__(self) -> None:
        object.__setattr__(self, "axes", tuple(self.axes))
        if self.mesh is None:
            return
        if not isinstance(self.mesh, Mesh):
            raise ArgumentTypeError(f"mesh must be a jax.sharding.Mesh, found {type(self.mesh).__name__}.")
        missing = [axis for axis in self.axes if axis not in self.mesh.axis_names]
        if missing or not self.axes or len(set(self.axes)) < len(self.axes):
            raise ArgumentError(
                f"Rows are split over axes of the mesh, each named once. The mesh has {self.mesh.axis_names}, "
                f"found {self.axes}."
            )
        object.__setattr__(self, "mesh", Mesh(self.mesh.devices, self.mesh.axis_names))

    @property
    def num_shards(self) -> int:
        """Over how many parts of the mesh rows are split: the number of rows must be a multiple of it."""
        return 1 if self.mesh is None else math.prod(self.mesh.shape[axis] for axis in self.axes)

    @property
    def by_rows(self) -> NamedSharding | None:
        """Of arrays whose first axis is that of the rows; None without a mesh."""
        return None if self.mesh is None else NamedSharding(self.mesh, _spec(self.axes))

    @property
    def replicated(self) -> NamedSharding | None:
        """Of arrays that every device has all of; None without a mesh."""
        return None if self.mesh is None else NamedSharding(self.mesh, _spec())

    def put(self, batch: Tree) -> Tree:
        """Arrays of numpy, whose first axis is that of the rows, as arrays of JAX.

        Raises:
          ArgumentError: the rows cannot be split evenly.
        """
        for leaf in jax.tree.leaves(batch):
            if np.ndim(leaf) == 0 or len(leaf) % self.num_shards:
                raise ArgumentError(
                    f"An array of shape {np.shape(leaf)} cannot be split by rows over {self.num_shards} devices. Fill "
                    "up batches with rows of index -1 (`Ladder.row_multiple`)."
                )
        return jax.tree.map(lambda leaf: _put(leaf, self.by_rows), batch)

    def place_params(self, params: Tree) -> Tree:
        """Parameters such that they can be computed with beside rows: those on the mesh as they are, without a copy;
        those on one device, or on none, on every device.

        Raises:
          ModelError: they lie on other devices than the mesh has; the message has the path of the first.
          ArgumentError: several processes share them, and there is no mesh.
        """
        return jax.tree_util.tree_map_with_path(self._place, params)

    def to_host(self, results: Tree) -> Tree:
        """Begins to copy results to the host; `np.asarray` of what is returned waits for the end of it."""
        return jax.tree.map(_begin_copy, results)

    def _place(self, path: Any, leaf: Any) -> Any:
        if not isinstance(leaf, jax.Array):
            return _put(leaf, self.replicated)
        if self.mesh is None:
            if not leaf.is_fully_addressable:
                raise ArgumentError(
                    "The parameters lie on devices of several processes. Give the mesh that they lie on."
                )
            return leaf
        held = leaf.sharding
        if isinstance(held, NamedSharding) and held.mesh.axis_names == self.mesh.axis_names:
            if held.mesh.devices.shape == self.mesh.devices.shape and (held.mesh.devices == self.mesh.devices).all():
                return _in_mesh(leaf, NamedSharding(self.mesh, held.spec, memory_kind=held.memory_kind))
        if held.device_set == set(self.mesh.devices.flat):
            return leaf  # laid out by another mesh of the same devices; JAX says so if their order differs
        if leaf.is_fully_replicated and leaf.is_fully_addressable:
            return _replicate(leaf, self.replicated)
        raise ModelError(
            f"The parameter {jax.tree_util.keystr(path)} lies on devices {_ids(held.device_set)}, the mesh has "
            f"{_ids(self.mesh.devices.flat)}. Put the parameters on the mesh with `jax.device_put`."
        )


def _spec(*names: Any) -> PartitionSpec:
    spec: PartitionSpec = PartitionSpec(*names)  # type: ignore[no-untyped-call]
    return spec


def _ids(devices: Iterable[Any]) -> list[int]:
    return sorted(device.id for device in devices)


def _put(leaf: Any, sharding: NamedSharding | None) -> Any:
    array = np.asarray(leaf)
    if sharding is None:
        return jax.device_put(array)
    return jax.make_array_from_callback(array.shape, sharding, lambda index: array[index])


def _replicate(leaf: jax.Array, sharding: NamedSharding | None) -> Any:
    if sharding is None or sharding.is_fully_addressable:
        return jax.device_put(leaf, sharding)  # from device to device
    if _is_key(leaf):
        data = _put(jax.random.key_data(leaf), sharding)
        return jax.random.wrap_key_data(data, impl=jax.random.key_impl(leaf))
    return _put(leaf, sharding)  # `device_put` would have the processes compare what they hold


def _is_key(leaf: jax.Array) -> bool:
    """Whether these are keys of random numbers, which nnx has among its variables: numpy has no dtype for them."""
    return bool(jnp.issubdtype(leaf.dtype, jax.dtypes.prng_key))


def _in_mesh(leaf: jax.Array, sharding: NamedSharding) -> jax.Array:
    """The same buffers, said to lie as `sharding` says, which differs by how axes are declared at most."""
    if leaf.sharding == sharding or _is_key(leaf):
        return leaf
    return jax.make_array_from_single_device_arrays(
        leaf.shape, sharding, [shard.data for shard in leaf.addressable_shards]
    )


def _begin_copy(result: jax.Array) -> jax.Array:
    part = result.addressable_data(0) if result.is_fully_replicated else result
    part.copy_to_host_async()
    return part
