"""How the next token is chosen: greedily or by lot, after temperature, top-k and top-p.

What a row draws depends on the seed, the number of its example, the number of its sample and how many tokens it has
generated, and on nothing else: not on the batch that it is in, nor on the length to which that is padded, nor on how
many devices and processes there are. Every number is an array with one value a row, so a change of any of them
compiles nothing.

One uniform number chooses the token, by where it falls in the cumulative probabilities of the tokens that are left, in
the order of their ids (inversion). Nothing has to be sorted unless a row asks for top-k or top-p.

    >>> logits = jnp.log(jnp.array([[0.5, 0.3, 0.15, 0.05]]))
    >>> nucleus(logits, jnp.array([0]), jnp.array([0.81])).tolist()
    [[True, True, True, False]]
"""

from __future__ import annotations

import dataclasses
from typing import Any, NamedTuple, final

import jax
import jax.numpy as jnp
import numpy as np

from evalkit.errors import ArgumentError, ArgumentTypeError
from evalkit.inference.arguments import real_number, whole_number

_SEEDS = 2**32
_BLOCK = 128  # tokens
_BELOW_ONE = 1 - 2**-23
FORM = 2  # another one when the same seed draws other tokens: answers that are kept are found by it
KEYS = "threefry2x32"  # the same numbers everywhere, whatever the settings of JAX say


@final
@dataclasses.dataclass(frozen=True)
class SamplingParams:
    """What to generate for each prompt.

    Attributes:
      max_new_tokens: how many tokens at most, the one that stops included.
      temperature: by which logits are divided; 0 is greedy, the likeliest token and of equal ones that of lowest id.
      top_k: draw from the so many likeliest tokens; 0 is all.
      top_p: draw from the smallest set of likeliest tokens whose probabilities, after temperature and top-k, add up to
        at least this; 1 is all.
      num_samples: how many answers to each prompt; the prompt is read once.
      stop_ids: tokens that end an answer, beside the model's own `eos_ids`. Only generated tokens count.
      stop_strings: texts that end an answer, wherever tokens begin and end. The text of the answer ends before it.
      seed: what draws begin from, in `[0, 2**32)`.

    Raises:
      ArgumentError: a number is out of range, or a string is empty.
      ArgumentTypeError: a value is of another type.
    """

    max_new_tokens: int
    _: dataclasses.KW_ONLY
    temperature: float = 0.0
    top_k: int = 0
    top_p: float = 1.0
    num_samples: int = 1
    stop_ids: tuple[int, ...] = ()
    stop_strings: tuple[str, ...] = ()
    seed: int = 0

    def __post_init__(self) -> None:
        for name, least in (("max_new_tokens", 1), ("top_k", 0), ("num_samples", 1), ("seed", 0)):
            object.__setattr__(self, name, whole_number(name, getattr(self, name), least=least))
        if self.seed >= _SEEDS:
            raise ArgumentError(f"seed must be below 2**32, found {self.seed}.")
        if real_number("temperature", self.temperature) < 0:
            raise ArgumentError(f"temperature must be at least 0 (0 is greedy), found {self.temperature}.")
        if not 0 < real_number("top_p", self.top_p) <= 1:
            raise ArgumentError(f"top_p must be above 0 and at most 1 (1 is all tokens), found {self.top_p}.")
        ids = tuple(whole_number(f"stop_ids[{i}]", token, least=0) for i, token in enumerate(self.stop_ids))
        object.__setattr__(self, "stop_ids", ids)
        self._check_strings()

    def _check_strings(self) -> None:
        given: Any = self.stop_strings
        if isinstance(given, str):
            raise ArgumentTypeError(f"stop_strings must be several strings; found one, {given!r}.")
        object.__setattr__(self, "stop_strings", tuple(given))
        for index, text in enumerate(given):
            if not isinstance(text, str):
                raise ArgumentTypeError(f"stop_strings[{index}] must be a string, found {text!r}.")
            if not text:
                raise ArgumentError(f"stop_strings[{index}] is empty, which every answer begins with.")

    def rules(self, count: int) -> Rules:
        """These rules for each of `count` rows, in numpy."""
        return Rules(
            np.full(count, self.temperature, np.float32),
            np.full(count, self.top_k, np.int32),
            np.full(count, self.top_p, np.float32),
        )


class Rules(NamedTuple):
    """What of `SamplingParams` chooses a token, one number a row: float32, int32 and float32 `[rows]`."""

    temperature: Any
    top_k: Any
    top_p: Any


def row_keys(seed: Any, examples: Any, samples: Any) -> jax.Array:
    """The keys of rows, `[rows]`.

    Args:
      seed: uint32, one number.
      examples: int32 `[rows]`, the number of each row's example.
      samples: int32 `[rows]`, which of its example's samples a row is.
    """
    start = jax.random.key(seed, impl=KEYS)

    def one(example: Any, sample: Any) -> jax.Array:
        key: jax.Array = jax.random.fold_in(jax.random.fold_in(start, example), sample)
        return key

    keys: jax.Array = jax.vmap(one)(examples, samples)
    return keys


def next_tokens(logits: jax.Array, rules: Rules, keys: jax.Array, steps: jax.Array) -> jax.Array:
    """One token for each row.

    Args:
      logits: float32 `[rows, ids]`, of the ids that may be chosen.
      rules: of each row.
      keys: of each row, from `row_keys`.
      steps: int32 `[rows]`, how many tokens each row has already.

    Returns:
      int32 `[rows]`.
    """
    likeliest = _first(logits == jnp.max(logits, axis=-1, keepdims=True))

    def drawn() -> jax.Array:
        with jax.threefry_partitionable(True):  # the other way of counting draws other numbers
            uniform = jax.vmap(lambda key, step: jax.random.uniform(jax.random.fold_in(key, step)))(keys, steps)
        # Rows that are greedy draw too, at temperature 1, and what they draw is not looked at.
        scaled = logits / jnp.where(rules.temperature > 0, rules.temperature, 1.0)[:, None]
        return jnp.where(rules.temperature > 0, draw(scaled, rules.top_k, rules.top_p, uniform), likeliest)

    return jnp.asarray(jax.lax.cond(jnp.any(rules.temperature > 0), drawn, lambda: likeliest))


def draw(logits: jax.Array, top_k: jax.Array, top_p: jax.Array, uniform: jax.Array) -> jax.Array:
    """The token that each row's number chooses.

    Args:
      logits: float32 `[rows, ids]`.
      top_k: int32 `[rows]`; 0 is all.
      top_p: float32 `[rows]`.
      uniform: float32 `[rows]`, in `[0, 1)`.

    Returns:
      int32 `[rows]`.
    """
    kept = jax.lax.cond(
        jnp.any((top_k > 0) | (top_p < 1)),
        lambda: jnp.where(nucleus(logits, top_k, top_p), logits, -jnp.inf),
        lambda: logits,
    )
    weights = jnp.exp(kept - jnp.max(kept, axis=-1, keepdims=True))
    blocks = jnp.pad(weights, ((0, 0), (0, -weights.shape[-1] % _BLOCK))).reshape(len(weights), -1, _BLOCK)
    # First the block, then the token in it: on a CPU, a cumulative sum over a vocabulary takes as long as a model step.
    block, rest = _reached(jnp.sum(blocks, axis=-1), uniform)
    token, _ = _reached(jnp.take_along_axis(blocks, block[:, None, None], axis=1)[:, 0], rest)
    return block * _BLOCK + token


def _reached(weights: jax.Array, share: jax.Array) -> tuple[jax.Array, jax.Array]:
    """The first place where the cumulative weights of a row go beyond a share of all; and what share of its own weight.

    What has no weight adds nothing, so it is never the first.

    Args:
      weights: float32 `[rows, places]`, at least 0, and some above.
      share: float32 `[rows]`, in `[0, 1)`.
    """
    cumulative = jnp.cumsum(weights, axis=-1)
    goal = share[:, None] * cumulative[:, -1:]
    place = _first(cumulative > goal)
    before = jnp.where(place > 0, _at(cumulative, place - 1), 0.0)
    return place, jnp.clip((goal[:, 0] - before) / _at(weights, place), 0.0, _BELOW_ONE)


def _at(values: jax.Array, places: jax.Array) -> jax.Array:
    return jnp.take_along_axis(values, places[:, None], axis=-1)[:, 0]


def _first(these: jax.Array) -> jax.Array:
    """int32 `[rows]`, the first place that is true: `jnp.argmax`, which XLA does not vectorize on a CPU."""
    places = jnp.arange(these.shape[-1], dtype=jnp.int32)[None]
    return jnp.min(jnp.where(these, places, these.shape[-1] - 1), axis=-1)


def nucleus(logits: jax.Array, top_k: jax.Array, top_p: jax.Array) -> jax.Array:
    """Which tokens top-k and top-p leave; of tokens that are equally likely those of lower id first.

    Args:
      logits: float32 `[rows, ids]`.
      top_k: int32 `[rows]`; 0 is all.
      top_p: float32 `[rows]`: of the probability of what top-k leaves.

    Returns:
      bool `[rows, ids]`, at least one a row.
    """
    falling = -jnp.sort(-logits, axis=-1)
    ranks = jnp.arange(logits.shape[-1], dtype=jnp.int32)[None]
    limit = jnp.where(top_k > 0, top_k, logits.shape[-1])[:, None]
    weights = jnp.where(ranks < limit, jnp.exp(falling - falling[:, :1]), 0.0)
    before = jnp.cumsum(weights, axis=-1) - weights  # of those that are likelier
    wanted = top_p[:, None] * jnp.sum(weights, axis=-1, keepdims=True)
    left = (ranks < limit) & ((before < wanted) | (top_p >= 1)[:, None])
    count = jnp.sum(left, axis=-1, keepdims=True)  # `before` never falls, so the ones that are left come first
    least = jnp.take_along_axis(falling, count - 1, axis=-1)
    equal = logits == least
    places = count - jnp.sum(logits > least, axis=-1, keepdims=True)  # for those that are equal to the last one
    return (logits > least) | (equal & (jnp.cumsum(equal, axis=-1) <= places))
