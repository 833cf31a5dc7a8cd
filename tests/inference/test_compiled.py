"""Compiled functions are kept."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from evalkit.inference.compiled import CompiledFunctions


def scaled(by, params, x, temperature):
    return {"sum": (x * params["scale"][None]).sum(axis=1) * by / temperature}


def written(x):
    return x.at[0].set(1.0)


PARAMS = {"scale": np.ones(3, np.float32)}


def test_other_values_compile_nothing():
    functions = CompiledFunctions()
    for step, temperature in enumerate([1.0, 0.5, 2, np.float32(4.0)]):
        params = {"scale": np.full(3, step, np.float32)}
        found = functions.call(scaled, params, np.ones((2, 3), np.float32), float(temperature), static=(10,))
        np.testing.assert_allclose(found["sum"], np.full(2, 3 * step * 10 / temperature))
    assert functions.compiles == functions.compiles_of(scaled) == 1


@pytest.mark.parametrize(
    ("x", "static"),
    [
        (np.ones((3, 3), np.float32), (10,)),
        (np.ones((2, 3), np.int32), (10,)),
        (jnp.ones((2, 3)), (10,)),
        (np.ones((2, 3), np.float32), (11,)),
    ],
)
def test_other_shapes_dtypes_places_and_static_arguments_do(x, static):
    functions = CompiledFunctions()
    functions.call(scaled, PARAMS, np.ones((2, 3), np.float32), 1.0, static=(10,))
    functions.call(scaled, PARAMS, x, 1.0, static=static)
    assert functions.compiles_of(scaled) == 2
    assert functions.compiles_of(written) == 0


def test_other_trees_do():
    functions = CompiledFunctions()
    functions.call(scaled, PARAMS, np.ones((2, 3)), 1.0, static=(1,))
    functions.call(scaled, {**PARAMS, "more": np.ones(1)}, np.ones((2, 3)), 1.0, static=(1,))
    assert functions.compiles == 2


def test_results_may_take_the_place_of_arguments():
    functions = CompiledFunctions()
    x = jnp.zeros(3)
    assert functions.call(written, x, donate=(0,)).tolist() == [1.0, 0.0, 0.0]
    assert x.is_deleted()
    assert functions.call(written, jnp.zeros(3)).tolist() == [1.0, 0.0, 0.0]
    assert functions.compiles == 2  # donating is another function


def test_arrays_that_are_bound_to_their_device_compile_nothing():
    """As parameters are after the first step of training, and not before it."""
    functions = CompiledFunctions()
    functions.call(written, jnp.zeros(3))
    found = functions.call(written, jax.device_put(np.zeros(3, np.float32), jax.devices()[0]))
    assert found.tolist() == [1.0, 0.0, 0.0]
    assert functions.compiles == 1


def test_what_is_static_must_be_hashable():
    with pytest.raises(TypeError, match="unhashable"):
        CompiledFunctions().call(scaled, PARAMS, np.ones((2, 3)), 1.0, static=([],))
