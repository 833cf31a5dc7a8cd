"""What inference needs to know of a model: functions from parameters and tokens to logits, and a few numbers.

A `Model` holds no parameters. They are the first argument of every call, because trainers replace them at every step
and donate the buffers of the old ones.

Rows are padded on the right. A causal model then needs no mask and no shifted positions, whatever it does for
positions, and the output at a token does not depend on how far its row is padded. Position and cache slot are the same
number, in each row for itself: reading a prompt is `extend` at position 0, a decoding step is `extend` with one token,
and reading the choices of a question is `extend` with several tokens behind the prefix that they share. What padding
wrote into the cache is overwritten before anything attends to it.

    >>> def always_the_next(params, tokens):
    ...     return params * jax.nn.one_hot(tokens + 1, 10)
    >>> model = Model(always_the_next, vocab_size=10, max_length=16, eos_ids=(9,))
    >>> outputs = model.outputs(5.0, None, jnp.array([[3, 7]]))
    >>> model.logits(5.0, outputs).argmax(axis=-1).tolist()
    [[4, 8]]
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any, final

import jax
import jax.numpy as jnp

from evalkit.errors import ArgumentError, ArgumentTypeError
from evalkit.inference.arguments import whole_number

Tree = Any  # a pytree of arrays: parameters, a memory, a cache


@final
@dataclasses.dataclass(frozen=True)
class Model:
    """The functions of a causal language model, decoder-only or encoder–decoder, and its limits.

    All functions are pure, deterministic and can be traced by `jax.jit`. B is the number of rows, T and S are lengths,
    V is the width of the logits: at least `vocab_size`, more where a table was padded. Ids from `vocab_size` on are
    never sampled; they do count in the softmax, as they did in training.

    Attributes:
      apply_fn: `(params, tokens int32 [B, T]) -> [B, T, V]`; with an encoder `(params, memory, tokens)`. The output at
        a token depends on it and on what stands before it in its row, on nothing else.
      vocab_size: how many ids there are; all ids lie in `[0, vocab_size)`.
      max_length: the longest row of tokens that the model can take.
      encode_fn: `(params, inputs int32 [B, S], lengths int32 [B]) -> memory`, a tree whose leaves begin with axis B.
        It holds whatever tells inputs and padding apart, too. None for a decoder-only model.
      max_input_length: the longest row of inputs. With an encoder only, and `max_length` if None.
      init_cache_fn: `(B, length) -> cache`, a tree whose leaves begin with axis B, with slots for `length` tokens.
      extend_fn: `(params, cache, tokens int32 [B, S], positions int32 [B]) -> (outputs [B, S, V], cache)`; with an
        encoder `(params, memory, cache, tokens, positions)`. Token s of row b stands at position `positions[b] + s`,
        writes the slot of that number, and attends to the slots up to it. What has no slot is not written.
      unembed_fn: `(params, hidden [..., D]) -> logits [..., V]`. Where it is given, `apply_fn` and `extend_fn` return
        hidden states instead of logits, and logits are computed for the positions that are wanted: for a large
        vocabulary most of the memory and much of the time.
      pad_id: what rows are filled up with. It may be a real token too: lengths tell padding, never ids.
      bos_id: what a row begins with that has no context; None where the model knows no such token.
      eos_ids: the ids that end a generated row.
      check_params_fn: raises `ModelError` where parameters do not fit the model, before anything is computed with
        them; the adapters for Flax give one that names the path.

    Raises:
      ArgumentError: a number is out of range, or one of two functions is missing that belong together.
      ArgumentTypeError: a number is not whole, or a function cannot be called.
    """

    apply_fn: Callable[..., Any]
    _: dataclasses.KW_ONLY
    vocab_size: int
    max_length: int
    encode_fn: Callable[..., Tree] | None = None
    max_input_length: int | None = None
    init_cache_fn: Callable[[int, int], Tree] | None = None
    extend_fn: Callable[..., tuple[Any, Tree]] | None = None
    unembed_fn: Callable[[Tree, Any], Any] | None = None
    pad_id: int = 0
    bos_id: int | None = None
    eos_ids: tuple[int, ...] = ()
    check_params_fn: Callable[[Tree], None] | None = None

    def __post_init__(self) -> None:
        for field in dataclasses.fields(self):
            value = getattr(self, field.name)
            if field.name.endswith("_fn") and not callable(value) and (value is not None or field.name == "apply_fn"):
                raise ArgumentTypeError(f"{field.name} must be a function, found {value!r}.")
        if (self.init_cache_fn is None) != (self.extend_fn is None):
            raise ArgumentError(
                "init_cache_fn and extend_fn belong together; found only "
                f"{'extend_fn' if self.init_cache_fn is None else 'init_cache_fn'}. Give both, or neither."
            )
        whole_number("vocab_size", self.vocab_size)
        whole_number("max_length", self.max_length)
        self._check_ids()
        if self.max_input_length is not None:
            whole_number("max_input_length", self.max_input_length)
            if not self.has_encoder:
                raise ArgumentError("max_input_length is the limit of an encoder, and there is no encode_fn.")

    def _check_ids(self) -> None:
        object.__setattr__(self, "eos_ids", tuple(self.eos_ids))
        named = {"pad_id": self.pad_id, **{f"eos_ids[{index}]": eos for index, eos in enumerate(self.eos_ids)}}
        if self.bos_id is not None:
            named["bos_id"] = self.bos_id
        for name, value in named.items():
            if whole_number(name, value, least=0) >= self.vocab_size:
                raise ArgumentError(f"{name} must be below vocab_size, {self.vocab_size}; found {value}.")

    @property
    def has_encoder(self) -> bool:
        """Whether rows have inputs, which an encoder reads."""
        return self.encode_fn is not None

    @property
    def has_cache(self) -> bool:
        """Whether a row can be read a few tokens at a time."""
        return self.extend_fn is not None

    @property
    def input_limit(self) -> int:
        """The longest row of inputs; 0 without an encoder."""
        return (self.max_input_length or self.max_length) if self.has_encoder else 0

    def memory(self, params: Tree, inputs: Any, lengths: Any) -> Tree:
        """What the encoder makes of `inputs` int32 `[B, S]` of `lengths` int32 `[B]`; None if there is no encoder."""
        return None if self.encode_fn is None else self.encode_fn(params, inputs, lengths)

    def outputs(self, params: Tree, memory: Tree, tokens: Any) -> Any:
        """What the model says at each of `tokens` int32 `[B, T]`: `[B, T, ...]`, of which `logits` makes logits."""
        return self.apply_fn(params, memory, tokens) if self.has_encoder else self.apply_fn(params, tokens)

    def init_cache(self, batch_size: int, length: int) -> Tree:
        """A cache with room for `length` tokens of each row.

        Raises:
          ArgumentError: the model has no cache.
        """
        if self.init_cache_fn is None:
            raise ArgumentError("This model has no cache: it was described without init_cache_fn and extend_fn.")
        return self.init_cache_fn(batch_size, length)

    def extend(self, params: Tree, memory: Tree, cache: Tree, tokens: Any, positions: Any) -> tuple[Any, Tree]:
        """Reads `tokens` int32 `[B, S]`, the first of each row at `positions` int32 `[B]`; the outputs at them as from
        `outputs`, and the cache with them in it.

        Raises:
          ArgumentError: the model has no cache.
        """
        if self.extend_fn is None:
            raise ArgumentError("This model has no cache: it was described without init_cache_fn and extend_fn.")
        if self.has_encoder:
            return self.extend_fn(params, memory, cache, tokens, positions)
        return self.extend_fn(params, cache, tokens, positions)

    def logits(self, params: Tree, outputs: Any) -> jax.Array:
        """float32 logits `[..., V]` from any selection `[..., D]` of what `outputs` or `extend` returned."""
        logits = outputs if self.unembed_fn is None else self.unembed_fn(params, outputs)
        return jnp.asarray(logits).astype(jnp.float32)
