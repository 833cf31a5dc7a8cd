"""What the tests of sharding, compiling and agreement run in processes of their own."""

from __future__ import annotations

from typing import Any

import jax
import numpy as np
from jax.sharding import Mesh, NamedSharding, PartitionSpec

from evalkit.errors import RowError
from evalkit.inference.agreement import all_alike
from evalkit.inference.batching_plan import plan_batches
from evalkit.inference.compiled import CompiledFunctions
from evalkit.inference.ladder import Ladder
from evalkit.inference.model import Model
from evalkit.inference.sharding import DataSharding
from tests.inference.models import padded, random_rows, small_model


def last_logits(model: Model, params: Any, indices: Any, tokens: Any, lengths: Any) -> Any:
    """The logits at the last token of each row, and the row's index."""
    outputs = model.outputs(params, None, tokens)
    last = outputs[jax.numpy.arange(len(lengths)), lengths - 1]
    return indices, model.logits(params, last)


def logits_of_rows(sharding: DataSharding, params: Any, count: int, functions: CompiledFunctions) -> list[list[float]]:
    """Plans, computes and puts in order, as scoring does."""
    model = small_model("rotary").model
    rows = random_rows(count, 40, seed=3)
    ladder = Ladder((16, 40), token_budget=256, row_multiple=sharding.num_shards)
    plan = plan_batches([len(row) for row in rows], ladder)
    placed = sharding.place_params(params)
    with all_alike("rows") as same:
        same(rows, *[batch.indices for batch in plan.batches])
    found: dict[int, list[float]] = {}
    for batch in plan.batches:
        chosen = [rows[index] for index in batch.rows]
        lengths = np.array([len(row) for row in chosen], np.int32)
        arrays = sharding.put((batch.indices, padded(chosen, batch.length), lengths))
        results = functions.call(last_logits, placed, *arrays, static=(model,), out_shardings=sharding.replicated)
        indices, logits = map(np.asarray, sharding.to_host(results))
        for index, values in zip(indices.tolist(), logits.tolist(), strict=True):
            if index >= 0:
                assert index not in found
                found[index] = values
    return [found[index] for index in range(count)]


def placements(mesh: Mesh) -> dict[str, Any]:
    """The same parameters, in the ways in which a trainer may hold them."""
    params = small_model("rotary").params
    in_a_row = Mesh(mesh.devices.reshape(-1), ("x",))
    everywhere = NamedSharding(mesh, PartitionSpec())

    def split(leaf: Any) -> Any:
        axis = next((i for i, size in enumerate(leaf.shape) if size % mesh.shape["model"] == 0), None)
        names = [None] * leaf.ndim if axis is None else [*[None] * axis, "model"]
        return jax.device_put(leaf, NamedSharding(mesh, PartitionSpec(*names)))

    return {
        "numpy": jax.tree.map(np.asarray, params),
        "laid out otherwise": jax.device_put(params, NamedSharding(in_a_row, PartitionSpec())),
        "one device": params,
        "replicated": jax.device_put(params, everywhere),
        "split": jax.tree.map(split, params),
    }


def on_several_devices(_: Any) -> dict[str, Any]:
    """Logits for every number of devices, and for every way to hold parameters on a mesh of two axes."""
    found: dict[str, Any] = {}
    params = small_model("rotary").params
    for count in (1, 2, 4, 8):
        sharding = DataSharding(Mesh(np.array(jax.devices()[:count]), ("data",)))
        found[f"{count} devices"] = logits_of_rows(sharding, params, 13, CompiledFunctions())
    mesh = jax.make_mesh((4, 2), ("data", "model"))  # its axes are Explicit where JAX knows that
    for name, placed in placements(mesh).items():
        functions = CompiledFunctions()
        found[name] = logits_of_rows(DataSharding(mesh), placed, 13, functions)
        compiles = functions.compiles
        assert compiles
        doubled = jax.tree.map(lambda leaf: leaf * 2, placed)
        logits_of_rows(DataSharding(mesh), doubled, 13, functions)
        assert functions.compiles == compiles, "other parameters compiled something"
    found["both axes"] = logits_of_rows(DataSharding(mesh, ("data", "model")), params, 13, CompiledFunctions())
    return found


def no_copies(_: Any) -> list[bool]:
    """Whether parameters on a mesh stay in the memory in which they are."""
    mesh = jax.make_mesh((4, 2), ("data", "model"))
    params = placements(mesh)["split"]
    placed = DataSharding(mesh).place_params(params)

    def addresses(leaf: Any) -> list[int]:
        return [shard.data.unsafe_buffer_pointer() for shard in leaf.addressable_shards]

    return [addresses(a) == addresses(b) for a, b in zip(jax.tree.leaves(params), jax.tree.leaves(placed), strict=True)]


def params_elsewhere(_: Any) -> None:
    """Parameters on devices that the mesh does not have."""
    devices = np.array(jax.devices())
    params = {"table": jax.device_put(np.ones((4, 4)), NamedSharding(Mesh(devices[:2], ("x",)), PartitionSpec("x")))}
    DataSharding(Mesh(devices[2:], ("data",))).place_params(params)


def as_one_of_several(counts: list[int]) -> dict[str, Any]:
    """Logits of so many rows, computed by all processes together."""
    mesh = Mesh(np.array(jax.devices()), ("data",))
    params = small_model("rotary").params
    functions = CompiledFunctions()
    return {str(count): logits_of_rows(DataSharding(mesh), params, count, functions) for count in counts}


def random_keys(_: Any) -> float:
    """What is drawn with a key that was placed as the parameters are, as nnx has them among its variables."""
    placed = DataSharding(Mesh(np.array(jax.devices()), ("data",))).place_params({"key": jax.random.key(3)})
    return float(jax.jit(lambda tree: jax.random.uniform(tree["key"]))(placed))


def without_a_mesh(_: Any) -> None:
    """Parameters of several processes, and no mesh."""
    mesh = Mesh(np.array(jax.devices()), ("data",))
    DataSharding().place_params(DataSharding(mesh).put({"table": np.ones((4, 4))}))


def disagree(_: Any) -> None:
    """Rows that differ."""
    with all_alike("rows to be scored") as same:
        same(np.arange(3), "text", jax.process_index() // 2)


def agree(_: Any) -> str:
    """Rows that do not."""
    with all_alike("rows to be scored") as same:
        same(np.arange(3), np.array(["a", None], object), "text", {"temperature": 0.5})
    return "agreed"


def one_fails(failing: int) -> None:
    """One process fails before the others begin to compute."""
    with all_alike("reading rows") as same:
        if jax.process_index() == failing:
            raise RowError(f"Row 3 has 70 tokens{'!' * 2000}")
        same(np.arange(3))


def hang(_: Any) -> None:
    """Waits for a process that does not come."""
    if jax.process_index() == 0:
        agree(None)


def die(_: Any) -> None:
    """Ends without a word."""
    raise SystemExit(3)
