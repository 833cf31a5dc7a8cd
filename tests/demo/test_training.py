"""The demo's trainer: its state, its update and its data."""

from __future__ import annotations

import contextlib
import itertools

import jax
import numpy as np
import pytest

from evalkit.demo.arithmetic import ARITHMETIC, LENGTHS
from evalkit.demo.evaluators import CONVERTER, language_model
from evalkit.demo.run import run
from evalkit.demo.training import TrainingPlan, batches, data_mesh, new_state, update
from evalkit.errors import ArgumentError
from tests.inference.processes import run_in_turn

PLAN = TrainingPlan(num_steps=30, batch_size=16, learning_rate=1e-2, seed=7)


def data(plan=PLAN, first_step=0):
    return batches(ARITHMETIC, LENGTHS, CONVERTER, plan, data_mesh(), first_step)


def trained(plan=PLAN):
    """The losses, and the state at the end."""
    state, losses = new_state(language_model(), plan, data_mesh()), []
    for batch in itertools.islice(data(plan), plan.num_steps):
        state, loss = update(state, batch)
        losses.append(float(loss))
    return losses, state


@pytest.fixture(scope="module")
def finished():
    return trained()


def test_the_loss_falls(finished):
    losses, state = finished
    assert int(state.step) == PLAN.num_steps
    assert np.mean(losses[-3:]) < 0.6 * losses[0]


def test_the_same_seed_gives_the_same_parameters(finished):
    _, state = trained()
    assert jax.tree.all(jax.tree.map(np.array_equal, state.params, finished[1].params))


def test_the_buffers_of_a_state_are_used_again():
    state = new_state(language_model(), PLAN, data_mesh())
    [leaf, *_] = jax.tree.leaves(state.params)
    update(state, next(data()))
    assert leaf.is_deleted()


def test_resumed_data_go_on_where_they_were():
    whole = list(itertools.islice(data(), 8))
    for first_step in (1, 5):
        rest = itertools.islice(data(first_step=first_step), 8 - first_step)
        for batch, same in zip(rest, whole[first_step:], strict=True):
            assert all(np.array_equal(batch[name], same[name]) for name in same)


def test_another_seed_gives_other_data():
    name = "decoder_target_tokens"
    assert not np.array_equal(next(data())[name], next(data(TrainingPlan(batch_size=16, seed=8)))[name])


NUMBERS = ["num_steps", "eval_every", "infrequent_eval_every", "checkpoint_every", "batch_size"]


@pytest.mark.parametrize("name", NUMBERS)
def test_a_plan_checks_itself(name):
    with pytest.raises(ArgumentError, match=f"{name} must be at least 1, found 0"):
        TrainingPlan(**{name: 0})


def as_one_of_two(_):
    """What a process reads of two batches, and what its parameters are then."""
    state, mesh = new_state(language_model(), PLAN, data_mesh()), data_mesh()
    read = []
    for batch in itertools.islice(batches(ARITHMETIC, LENGTHS, CONVERTER, PLAN, mesh), 2):
        read += [shard.data.tolist() for shard in batch["decoder_target_tokens"].addressable_shards]
        state, _ = update(state, batch)
    try:
        next(batches(ARITHMETIC, LENGTHS, CONVERTER, TrainingPlan(batch_size=3), mesh))
    except ArgumentError as error:
        message = str(error)
    sums = [float(np.abs(np.asarray(leaf.addressable_data(0))).sum()) for leaf in jax.tree.leaves(state.params)]
    return {"rows": [tuple(row) for part in read for row in part], "sums": sums, "message": message}


def cut_off_and_resumed(folder):
    """A run as a whole that is cut off after the first of its checkpoints, and goes on; and its updates alone."""
    plan = TrainingPlan(num_steps=3, eval_every=3, infrequent_eval_every=3, checkpoint_every=1, batch_size=4)

    def cut_off(step, loss):
        if step == 2:
            raise InterruptedError

    with contextlib.suppress(InterruptedError):
        run(folder, plan, cut_off)
    made = []
    done = run(folder, plan, lambda step, loss: made.append(step))
    _, state = trained(plan)
    sums = [
        [float(np.asarray(leaf.addressable_data(0)).sum()) for leaf in jax.tree.leaves(each)]
        for each in (done.state, state)
    ]
    records = [(record.evaluator, record.step, record.status) for record in done.records]
    return {"made": made, "sums": sums, "records": records}


@pytest.fixture(scope="module")
def shared(tmp_path_factory):
    """What two processes return."""
    where = "tests.demo.test_training:as_one_of_two,cut_off_and_resumed"
    return run_in_turn(where, str(tmp_path_factory.mktemp("two")), processes=2, seconds=240)


def test_a_run_of_two_processes_that_was_cut_off_goes_on_to_the_same_bits(shared):
    first, second = shared["cut_off_and_resumed"]
    assert first["made"] == second["made"] == [3]
    assert first["sums"][0] == first["sums"][1] == second["sums"][0] == second["sums"][1]
    assert second["records"] == []
    assert {(step, status) for _, step, status in first["records"]} == {(0, "done"), (3, "done")}
    assert len(first["records"]) == 4


def test_processes_read_different_shards_and_have_the_same_parameters(shared):
    first, second = shared["as_one_of_two"]
    assert first["sums"] == second["sums"]
    assert len(first["rows"]) == len(second["rows"]) == PLAN.batch_size  # half of each of two batches
    assert not {tuple(row) for row in first["rows"]} & {tuple(row) for row in second["rows"]}
    assert first["message"] == "batch_size 3 is no multiple of the number of devices, 2."
