import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.sharding import NamedSharding, PartitionSpec

from evalkit.inference.parameter_digest import parameter_digest

DTYPES = ("float32", "bfloat16", "float16", "float8_e4m3fn", "int32", "int8", "int4", "bool", "complex64")


@pytest.mark.parametrize("dtype", DTYPES)
def test_one_element_or_its_place_makes_a_difference(dtype):
    zeros, one = jnp.zeros((3, 4), dtype), jnp.ones((), dtype)
    found = {parameter_digest({"w": array}) for array in (zeros, zeros.at[0, 1].set(one), zeros.at[1, 0].set(one))}
    assert len(found) == 3


def test_structure_shape_and_dtype_make_a_difference():
    w = jnp.zeros(6)
    trees = [{"w": w}, {"v": w}, {"w": [w]}, {"w": w.reshape(2, 3)}, {"w": w.astype(jnp.int32)}, {"w": w, "b": w}, {}]
    assert len({parameter_digest(tree) for tree in trees}) == len(trees)


def test_scalars_empty_arrays_and_keys_of_random_numbers_have_a_digest():
    keys = [parameter_digest([2.0, jnp.zeros((0, 3)), jax.random.key(seed)]) for seed in (0, 1)]
    assert keys[0] != keys[1]
    assert keys[0] == parameter_digest([2.0, np.zeros((0, 3), np.float32), jax.random.key(0)])


def test_it_does_not_matter_where_arrays_lie():
    mesh = jax.make_mesh((jax.device_count(),), ("data",))
    array = jnp.arange(8.0 * 5 * jax.device_count()).reshape(-1, 5)
    split = jax.device_put(array, NamedSharding(mesh, PartitionSpec("data")))
    assert parameter_digest(split) == parameter_digest(np.asarray(array))
