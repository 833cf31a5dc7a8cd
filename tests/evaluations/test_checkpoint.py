import shutil

import jax
import jax.numpy as jnp
import numpy as np
import orbax.checkpoint as ocp
import pytest
from flax import nnx

from evalkit.errors import ArgumentError, CheckpointError
from evalkit.evaluations.checkpoint import Checkpoint

PARAMS = {"embed": {"table": np.arange(12.0, dtype=np.float32).reshape(4, 3)}, "bias": np.ones(3, np.float32)}
STATE = {"step": np.int32(5), "params": PARAMS, "opt_state": [np.zeros(3)]}
TEMPLATE = jax.eval_shape(lambda: jax.tree.map(jnp.asarray, PARAMS))


def save(path, tree=STATE):
    with ocp.StandardCheckpointer() as checkpointer:
        checkpointer.save(path, tree, force=True)
    return path


@pytest.fixture(scope="module")
def managed(tmp_path_factory):
    """The folder of a CheckpointManager with the steps 5 and 7."""
    root = tmp_path_factory.mktemp("managed")
    with ocp.CheckpointManager(root) as manager:
        for step in (5, 7):
            params = jax.tree.map(lambda leaf, step=step: leaf + step, PARAMS)
            manager.save(step, args=ocp.args.StandardSave({"params": params}))
    return root


def assert_equal(found, expected):
    jax.tree.map(np.testing.assert_array_equal, found, expected)


def test_the_parameters_of_a_training_state(tmp_path):
    found = Checkpoint.find(save(tmp_path / "12"))
    assert found.step == 12
    assert_equal(found.restore(TEMPLATE, "params", None), PARAMS)


def test_a_tree_of_parameters_alone_and_a_part_of_it(tmp_path):
    found = Checkpoint.find(save(tmp_path / "best", PARAMS), step=3)
    assert found.step == 3
    assert_equal(found.restore(TEMPLATE, "", None), PARAMS)
    assert_equal(found.restore(TEMPLATE["embed"], "embed", None), PARAMS["embed"])
    with pytest.raises(ArgumentError, match="do not tell of which step"):
        Checkpoint.find(tmp_path / "best")


@pytest.mark.parametrize(("below", "step"), [("", 7), ("5", 5), ("7/default", 7)])
def test_a_manager_or_one_of_its_steps_or_items(managed, below, step):
    found = Checkpoint.find(managed / below)
    assert found.step == step
    assert found.restore(TEMPLATE, "params", None)["bias"][0] == 1 + step


def test_a_step_of_a_manager(managed):
    assert Checkpoint.find(managed, step=5).path == Checkpoint.find(managed / "5").path
    with pytest.raises(CheckpointError, match=r"no finished checkpoint of step 6 .* Finished are \[5, 7\]"):
        Checkpoint.find(managed, step=6)
    with pytest.raises(ArgumentError, match="is of step 5, as its folder says; step is 7"):
        Checkpoint.find(managed / "5", step=7)


def test_dtypes_and_places_are_those_of_the_template_and_the_mesh(managed):
    mesh = jax.make_mesh((jax.device_count(),), ("data",))
    template = jax.tree.map(lambda leaf: jax.ShapeDtypeStruct(leaf.shape, jnp.bfloat16), TEMPLATE)
    bias = Checkpoint.find(managed).restore(template, "params", mesh)["bias"]
    assert bias.dtype == jnp.bfloat16
    assert bias.sharding.is_fully_replicated
    assert bias.sharding.mesh.axis_names == ("data",)


def test_the_state_of_an_nnx_module(tmp_path):
    state = nnx.state(nnx.Linear(2, 3, rngs=nnx.Rngs(0)))
    save(tmp_path / "1", {"params": state})
    found = Checkpoint.find(tmp_path / "1").restore(jax.eval_shape(lambda: state), "params", None)
    assert isinstance(found, nnx.State)
    assert_equal(found, state)


def test_a_copy_has_the_same_identity_and_another_checkpoint_has_not(tmp_path):
    first = Checkpoint.find(save(tmp_path / "1"))
    shutil.copytree(tmp_path / "1", tmp_path / "copy")
    assert Checkpoint.find(tmp_path / "copy", step=1).identity == first.identity
    assert Checkpoint.find(save(tmp_path / "1")).identity != first.identity


def test_what_is_missing_or_unfinished_is_named(tmp_path):
    with pytest.raises(CheckpointError, match="no such folder.$"):
        Checkpoint.find(tmp_path / "9")
    (tmp_path / "9.orbax-checkpoint-tmp-3").mkdir()
    with pytest.raises(
        CheckpointError, match=r"no such folder. It is being written, .* 9.orbax-checkpoint-tmp-3|cut off"
    ):
        Checkpoint.find(tmp_path / "9")
    with pytest.raises(CheckpointError, match="is not finished"):
        Checkpoint.find(tmp_path / "9.orbax-checkpoint-tmp-3")
    with pytest.raises(CheckpointError, match=r"Finished are none, not finished \[9\]"):
        Checkpoint.find(tmp_path)
    (tmp_path / "empty" / "3").mkdir(parents=True)
    with pytest.raises(CheckpointError, match="no _METADATA in it"):
        Checkpoint.find(tmp_path / "empty")


def test_an_unfinished_step_is_passed_over(managed, tmp_path):
    shutil.copytree(managed, tmp_path / "run")
    (tmp_path / "run" / "9.orbax-checkpoint-tmp-1").mkdir()
    assert Checkpoint.find(tmp_path / "run").step == 7


def test_of_several_trees_one_must_be_chosen(tmp_path):
    for name in ("params", "state"):
        save(tmp_path / "3" / name, PARAMS)
    with pytest.raises(CheckpointError, match="several trees .*params, state"):
        Checkpoint.find(tmp_path / "3")
    assert Checkpoint.find(tmp_path / "3" / "params").step == 3


@pytest.mark.parametrize("missing", ["manifest.ocdbt", "d"])
def test_a_damaged_checkpoint_is_named(tmp_path, missing):
    found = Checkpoint.find(save(tmp_path / "1"))
    part = tmp_path / "1" / missing
    shutil.rmtree(part) if part.is_dir() else part.unlink()
    with pytest.raises(CheckpointError, match=rf"{tmp_path}/1 is damaged"):
        found.restore(TEMPLATE, "params", None)


def test_another_structure_is_named_by_its_path(managed):
    found = Checkpoint.find(managed)
    larger = {**TEMPLATE, "head": {"kernel": jax.ShapeDtypeStruct((3, 2), jnp.float32)}}
    with pytest.raises(CheckpointError, match="head/kernel is missing"):
        found.restore(larger, "params", None)
    with pytest.raises(CheckpointError, match="embed/table is not one of its parameters"):
        found.restore({"bias": TEMPLATE["bias"]}, "params", None)
    wider = {**TEMPLATE, "bias": jax.ShapeDtypeStruct((5,), jnp.float32)}
    with pytest.raises(CheckpointError, match=r"bias has shape \(3,\), expected \(5,\)"):
        found.restore(wider, "params", None)
    with pytest.raises(CheckpointError, match="has no 'state'; found 'params'"):
        found.restore(TEMPLATE, "state/params", None)
