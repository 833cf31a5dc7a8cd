"""The demo's trainer: a `TrainState`, a jitted update, and training data that is the same however often it is resumed.

Update n is made from batch n of an infinite dataset, which seed and shard decide; so a training that goes on from a
checkpoint of step n skips n batches, and nothing has to be kept of the dataset. Skipping costs what reading does.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping
from typing import Any, final

import flax.linen as nn
import jax
import jax.numpy as jnp
import optax
from flax.training.train_state import TrainState
from jax.sharding import AxisType, Mesh, NamedSharding, PartitionSpec

from evalkit.columns import Array
from evalkit.converter import FeatureConverter
from evalkit.data.dataset import get_dataset
from evalkit.data.provider import DatasetProvider
from evalkit.data.shard import ShardInfo
from evalkit.errors import ArgumentError
from evalkit.transforms.lengths import Length

DATA_AXIS = "data"
_READ = ("decoder_input_tokens", "decoder_target_tokens", "decoder_loss_weights")


@final
@dataclasses.dataclass(frozen=True)
class TrainingPlan:
    """How long and how fast to train, and what to do meanwhile.

    Attributes:
      num_steps: updates.
      eval_every: updates between two evaluations by those evaluators that are run often.
      infrequent_eval_every: the same for the others.
      checkpoint_every: updates between two checkpoints; one is written after the last update in any case.
      batch_size: examples an update, of all processes together.
      learning_rate: the highest; reached after a tenth of the steps, and decayed along a cosine to a tenth.
      seed: of the parameters and of the order of examples.

    Raises:
      ArgumentError: a number is less than 1.
    """

    num_steps: int = 800
    eval_every: int = 50
    infrequent_eval_every: int = 200
    checkpoint_every: int = 100
    batch_size: int = 128
    learning_rate: float = 3e-3
    seed: int = 0

    def __post_init__(self) -> None:
        for name in ("num_steps", "eval_every", "infrequent_eval_every", "checkpoint_every", "batch_size"):
            if getattr(self, name) < 1:
                raise ArgumentError(f"{name} must be at least 1, found {getattr(self, name)}.")


def data_mesh() -> Mesh:
    """All devices of all processes, in one axis over which batches are spread."""
    return jax.make_mesh((jax.device_count(),), (DATA_AXIS,), axis_types=(AxisType.Auto,))


def new_state(model: nn.Module, plan: TrainingPlan, mesh: Mesh) -> TrainState:
    """The state before the first update, all of it on every device.

    Args:
      model: from int32 `[batch, length]` to logits `[batch, length, vocab_size]`.
      plan: how long and how fast to train.
      mesh: the devices.
    """
    schedule = optax.warmup_cosine_decay_schedule(
        init_value=0.0,
        peak_value=plan.learning_rate,
        warmup_steps=max(1, plan.num_steps // 10),
        decay_steps=max(2, plan.num_steps),
        end_value=plan.learning_rate / 10,
    )
    optimizer = optax.adamw(schedule, weight_decay=0.01)

    def create(key: jax.Array) -> TrainState:
        params = model.init(key, jnp.zeros((1, 1), jnp.int32))["params"]
        state: TrainState = TrainState.create(  # type: ignore[no-untyped-call]
            apply_fn=model.apply, params=params, tx=optimizer
        )
        counted: TrainState = state.replace(step=jnp.zeros((), jnp.int32))  # an array from the beginning: one program
        return counted

    everywhere = NamedSharding(mesh, PartitionSpec())  # type: ignore[no-untyped-call]
    first: TrainState = jax.jit(create, out_shardings=everywhere)(jax.random.key(plan.seed))
    return first


@jax.jit(donate_argnums=0)
def update(state: TrainState, batch: Mapping[str, jax.Array]) -> tuple[TrainState, jax.Array]:
    """One update; the buffers of `state` are used again, and it is not to be read any more.

    Args:
      state: the state.
      batch: as `batches` gives it.

    Returns:
      The next state, and the loss of the batch: the mean over the tokens that count, in nats.
    """

    def loss_of(params: Any) -> jax.Array:
        logits = state.apply_fn({"params": params}, batch["decoder_input_tokens"])
        losses = optax.softmax_cross_entropy_with_integer_labels(logits, batch["decoder_target_tokens"])
        weights = batch["decoder_loss_weights"].astype(jnp.float32)
        return jnp.asarray((losses * weights).sum() / weights.sum())

    loss, gradients = jax.value_and_grad(loss_of)(state.params)
    following: TrainState = state.apply_gradients(grads=gradients)  # type: ignore[no-untyped-call]
    return following, loss


def batches(
    mixture: DatasetProvider,
    lengths: Mapping[str, Length],
    converter: FeatureConverter,
    plan: TrainingPlan,
    mesh: Mesh,
    first_step: int = 0,
) -> Iterator[dict[str, jax.Array]]:
    """The training data without end; each process reads its own shard of it.

    Args:
      mixture: a mixture or a task with a split "train".
      lengths: of its features.
      converter: to what the model reads, such as `PrefixLMFeatureConverter`.
      plan: gives the batch size and the seed.
      mesh: the devices over which examples are spread, as many to each.
      first_step: how many updates were made.

    Returns:
      Batches `{model feature: [batch, length]}`, from that of update `first_step + 1` on.

    Raises:
      ArgumentError: a batch cannot be divided evenly among the devices.
    """
    if plan.batch_size % mesh.size:
        raise ArgumentError(f"batch_size {plan.batch_size} is no multiple of the number of devices, {mesh.size}.")
    dataset = get_dataset(
        mixture,
        lengths,
        converter,
        dataset_split="train",
        shuffle=True,
        num_epochs=None,
        shard_info=ShardInfo(jax.process_index(), jax.process_count()),
        verbose=False,
        seed=plan.seed,
        batch_size=plan.batch_size // jax.process_count(),
    )
    dataset = dataset.map(lambda example: {name: example[name] for name in _READ}).skip(first_step).prefetch(2)
    sharding = NamedSharding(mesh, PartitionSpec(DATA_AXIS))  # type: ignore[no-untyped-call]
    return (_global(batch, sharding) for batch in dataset.as_numpy_iterator())


def _global(batch: Mapping[str, Array], sharding: NamedSharding) -> dict[str, jax.Array]:
    make = jax.make_array_from_process_local_data
    return {name: make(sharding, values) for name, values in batch.items()}  # type: ignore[no-untyped-call]
