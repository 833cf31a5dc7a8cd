"""The demo's trainer: a jitted step over random batches, as a generator that its caller interrupts to evaluate."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple, final

import jax
import jax.numpy as jnp
import numpy as np
import optax

from evalkit.columns import Array
from evalkit.demo.model import LanguageModel, Params, logits
from evalkit.errors import ArgumentError


@final
@dataclasses.dataclass(frozen=True)
class TrainingPlan:
    """How long and how fast to train.

    Attributes:
      num_steps: optimizer steps.
      eval_every: steps between two evaluations.
      batch_size: examples a step.
      learning_rate: the highest; reached after a tenth of the steps, and decayed along a cosine to a tenth.
      seed: of the parameters and of the order of examples.
    """

    num_steps: int = 800
    eval_every: int = 50
    batch_size: int = 128
    learning_rate: float = 3e-3
    seed: int = 0

    def __post_init__(self) -> None:
        for name in ("num_steps", "eval_every", "batch_size"):
            if getattr(self, name) < 1:
                raise ArgumentError(f"{name} must be at least 1, found {getattr(self, name)}.")


class TrainingState(NamedTuple):
    """The state after `step` steps; `loss` is that of the last batch, in nats a token, NaN before the first step."""

    step: int
    params: Params
    loss: float


def train(model: LanguageModel, examples: Mapping[str, Array], plan: TrainingPlan) -> Iterator[TrainingState]:
    """Trains `model`, and yields after every step, and once before the first.

    Args:
      model: the model.
      examples: the training set as arrays `[examples, length]`: `decoder_input_tokens`, `decoder_target_tokens` and
        `decoder_loss_weights`.
      plan: how long and how fast.

    Yields:
      `plan.num_steps + 1` states.
    """
    schedule = optax.warmup_cosine_decay_schedule(
        init_value=0.0,
        peak_value=plan.learning_rate,
        warmup_steps=max(1, plan.num_steps // 10),
        decay_steps=max(2, plan.num_steps),
        end_value=plan.learning_rate / 10,
    )
    optimizer = optax.adamw(schedule, weight_decay=0.01)

    @jax.jit
    def update(params: Params, moments: Any, batch: Mapping[str, Any]) -> tuple[Params, Any, jax.Array]:
        loss, gradients = jax.value_and_grad(_loss)(params, model, batch)
        changes, moments = optimizer.update(gradients, moments, params)
        return optax.apply_updates(params, changes), moments, loss

    inputs = examples["decoder_input_tokens"]
    params = jax.jit(model.init)(jax.random.key(plan.seed), inputs[:1])
    moments = optimizer.init(params)
    order = np.random.default_rng(plan.seed)
    yield TrainingState(0, params, float("nan"))
    for step in range(1, plan.num_steps + 1):
        rows = order.integers(0, len(inputs), plan.batch_size)
        batch = {name: values[rows] for name, values in examples.items()}
        params, moments, loss = update(params, moments, batch)
        yield TrainingState(step, params, float(loss))


def _loss(params: Params, model: LanguageModel, batch: Mapping[str, Any]) -> jax.Array:
    """The mean cross-entropy of the tokens that count, in nats."""
    weights = batch["decoder_loss_weights"].astype(jnp.float32)
    losses = optax.softmax_cross_entropy_with_integer_labels(
        logits(model, params, batch["decoder_input_tokens"]), batch["decoder_target_tokens"]
    )
    return jnp.asarray((losses * weights).sum() / weights.sum())
