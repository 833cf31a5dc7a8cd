"""From the demo's model to `predict_fn` and `score_fn`: what a trainer writes once to be evaluated.

Both take the enumerated dataset of a prefix language model (`PrefixLMFeatureConverter`), see batches of one fixed
shape, so that each compiles once, and return pairs of index and output. The rows that fill up the last batch have the
index -1, which the Evaluator drops.
"""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Callable, Iterator, Mapping
from typing import Any, final

import jax
import jax.numpy as jnp
import numpy as np
import tensorflow as tf

from evalkit.columns import Array
from evalkit.demo.model import LanguageModel, Params, logits

Batch = Mapping[str, Any]  # feature to int32 [batch, length]


@final
@dataclasses.dataclass(frozen=True)
class ModelFunctions:
    """The model functions of one model, for any parameters of it.

    Attributes:
      model: the model.
      num_targets: how many tokens to generate at most.
      batch_size: rows of the batches that the model sees.
    """

    model: LanguageModel
    num_targets: int
    batch_size: int = 256

    def predict_fn(self, params: Params) -> Callable[[tf.data.Dataset], list[tuple[int, list[int]]]]:
        """The function that generates greedily: int32 tokens `[num_targets]` an example."""
        return lambda dataset: self._run(functools.partial(_generate, self.model, self.num_targets, params), dataset)

    def score_fn(self, params: Params) -> Callable[[tf.data.Dataset], list[tuple[int, float]]]:
        """The function that scores: the log-likelihood of an example's targets, in nats."""
        return lambda dataset: self._run(functools.partial(_score, self.model, params), dataset)

    def _run(self, compiled: Callable[[Batch], jax.Array], dataset: tf.data.Dataset) -> list[tuple[int, Any]]:
        pairs: list[tuple[int, Any]] = []
        for indices, batch in full_batches(dataset, self.batch_size):
            pairs.extend(zip(indices.tolist(), np.asarray(compiled(batch)).tolist(), strict=True))
        return pairs


def full_batches(dataset: tf.data.Dataset, batch_size: int) -> Iterator[tuple[Array, Batch]]:
    """Batches of exactly `batch_size` examples: their int64 indices and features, filled up with rows of index -1."""
    for indices, batch in dataset.batch(batch_size).as_numpy_iterator():
        missing = batch_size - len(indices)
        filled = {name: np.pad(rows, [(0, missing)] + [(0, 0)] * (rows.ndim - 1)) for name, rows in batch.items()}
        yield np.pad(indices, (0, missing), constant_values=-1), filled


@functools.partial(jax.jit, static_argnums=(0, 1))
def _generate(model: LanguageModel, num_targets: int, params: Params, batch: Batch) -> jax.Array:
    """int32 `[batch, num_targets]`: the likeliest token after the prefix, then after that, and so on."""
    attention = batch["decoder_causal_attention"]
    rows = jnp.arange(attention.shape[0])
    first = attention.sum(axis=1)  # where the first answer goes in; the position before it gives that answer

    def generate_one(tokens: jax.Array, step: jax.Array) -> tuple[jax.Array, jax.Array]:
        last = jnp.minimum(first + step, tokens.shape[1]) - 1
        token = logits(model, params, tokens)[rows, last].argmax(axis=-1).astype(jnp.int32)
        return tokens.at[rows, last + 1].set(token, mode="drop"), token

    _, generated = jax.lax.scan(generate_one, batch["decoder_input_tokens"] * attention, jnp.arange(num_targets))
    return generated.T


@functools.partial(jax.jit, static_argnums=0)
def _score(model: LanguageModel, params: Params, batch: Batch) -> jax.Array:
    """float32 `[batch]`: the log-likelihood of the tokens that count, summed."""
    log_probabilities = jax.nn.log_softmax(logits(model, params, batch["decoder_input_tokens"]))
    of_targets = jnp.take_along_axis(log_probabilities, batch["decoder_target_tokens"][..., None], axis=-1)[..., 0]
    return jnp.where(batch["decoder_loss_weights"] > 0, of_targets, 0.0).sum(axis=1)
