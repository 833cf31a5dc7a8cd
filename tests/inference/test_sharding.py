"""Rows over devices and processes."""

from __future__ import annotations

import time

import jax
import numpy as np
import pytest
from jax.sharding import Mesh

from evalkit.errors import ArgumentError, ArgumentTypeError
from evalkit.inference.compiled import CompiledFunctions
from evalkit.inference.sharding import DataSharding
from tests.inference.models import small_model
from tests.inference.processes import Raised, run_processes
from tests.inference.sharded import logits_of_rows

MODULE = "tests.inference.sharded"


def test_as_many_devices_and_placements_as_there_are():
    [found] = run_processes(f"{MODULE}:on_several_devices", devices=8, seconds=120)
    assert isinstance(found, dict), found
    assert set(found) == {
        *(f"{count} devices" for count in (1, 2, 4, 8)),
        *("numpy", "one device", "replicated", "laid out otherwise", "split", "both axes"),
    }
    expected = logits_of_rows(DataSharding(), small_model("rotary").params, 13, CompiledFunctions())
    for name, logits in found.items():
        np.testing.assert_allclose(logits, expected, atol=1e-5, err_msg=name)


def test_two_processes_with_two_devices_each():
    counts = [1, 4, 7, 8, 16, 33]
    results = run_processes(f"{MODULE}:as_one_of_several", counts, processes=2, devices=2, seconds=120)
    assert results[0] == results[1]
    assert list(results[0]) == [str(count) for count in counts]
    functions = CompiledFunctions()
    for count in counts:
        alone = logits_of_rows(DataSharding(), small_model("rotary").params, count, functions)
        np.testing.assert_allclose(results[0][str(count)], alone, atol=1e-5)


def test_parameters_on_the_mesh_are_not_copied():
    [same] = run_processes(f"{MODULE}:no_copies", devices=8)
    assert len(same) > 10 and all(same)


def test_parameters_on_other_devices():
    [raised] = run_processes(f"{MODULE}:params_elsewhere", devices=4)
    assert raised == Raised(
        "ModelError",
        "The parameter ['table'] lies on devices [0, 1], the mesh has [2, 3]. Put the parameters on the mesh with "
        "`jax.device_put`.",
    )


def test_parameters_of_several_processes_without_a_mesh():
    for raised in run_processes(f"{MODULE}:without_a_mesh", processes=2):
        assert raised.error == "ArgumentError"
        assert "lie on devices of several processes. Give the mesh" in raised.message


def test_a_process_that_hangs_is_killed():
    begin = time.monotonic()
    with pytest.raises(AssertionError, match="Process . ended with status"):
        run_processes(f"{MODULE}:hang", processes=2, seconds=8)
    assert time.monotonic() - begin < 30


def test_a_process_that_dies_is_reported():
    with pytest.raises(AssertionError, match="Process 0 ended with status 3 and wrote"):
        run_processes(f"{MODULE}:die")


def test_without_a_mesh():
    sharding = DataSharding()
    assert (sharding.num_shards, sharding.by_rows, sharding.replicated) == (1, None, None)
    params = {"device": jax.numpy.ones(3), "host": np.ones(3), "number": 2.0}
    placed = sharding.place_params(params)
    assert placed["device"] is params["device"]
    assert all(isinstance(leaf, jax.Array) for leaf in placed.values())
    [found] = sharding.to_host([sharding.put(np.arange(3))])
    assert np.asarray(found).tolist() == [0, 1, 2]


def test_keys_of_random_numbers_may_be_among_parameters():
    for found in run_processes(f"{MODULE}:random_keys", processes=2, devices=2):
        assert found == float(jax.random.uniform(jax.random.key(3)))


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        (("8 devices",), ArgumentTypeError, "mesh must be a jax.sharding.Mesh, found str"),
        ((None, ("batch",)), ArgumentError, r"The mesh has \('data',\), found \('batch',\)"),
        ((None, ()), ArgumentError, r"found \(\)"),
        ((None, ("data", "data")), ArgumentError, r"each named once. .*found \('data', 'data'\)"),
    ],
)
def test_meshes_that_are_refused(arguments, error, message):
    mesh = Mesh(np.array(jax.devices()), ("data",))
    with pytest.raises(error, match=message):
        DataSharding(arguments[0] or mesh, *arguments[1:])


def test_a_number_has_no_rows():
    with pytest.raises(ArgumentError, match=r"An array of shape \(\) cannot be split by rows over 1 devices"):
        DataSharding().put(np.float32(1))
