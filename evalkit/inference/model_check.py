"""Whether the functions of a model return what its description says, found out by tracing them: nothing is computed."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp

from evalkit.errors import ModelError
from evalkit.inference.model import Model, Tree

_ROWS = 4  # unlike every length below


def check_model(model: Model, params: Tree) -> None:
    """Checks `params` against `model`, and the functions of `model` against their contract.

    Args:
      model: the description.
      params: arrays, or `jax.ShapeDtypeStruct` in their place.

    Raises:
      ModelError: the parameters do not fit; or a function raises, or returns something of another shape than it must.

    Example:
      >>> check_model(Model(lambda params, tokens: tokens, vocab_size=10, max_length=8), {})
      Traceback (most recent call last):
      evalkit.errors.ModelError: apply_fn must return [batch, length, ...]; for tokens (4, 2) it returned (4, 2).
    """
    if model.check_params_fn is not None:
        model.check_params_fn(params)
    tokens = abstract_ids(_ROWS, min(2, model.max_length))
    rows = abstract_ids(_ROWS)
    inputs = abstract_ids(_ROWS, min(5, model.input_limit))
    memory = _trace("encode_fn", model.memory, params, inputs, rows)
    _check_rows("encode_fn", memory, _ROWS)
    outputs = _trace("apply_fn", model.outputs, params, memory, tokens)
    _check_outputs("apply_fn", outputs, tokens.shape)
    logits = _trace("unembed_fn" if model.unembed_fn else "apply_fn", model.logits, params, outputs)
    if logits.ndim != 3 or logits.shape[-1] < model.vocab_size:
        raise ModelError(
            f"Logits must be [batch, length, at least vocab_size = {model.vocab_size}], found {logits.shape}. If "
            "apply_fn returns hidden states, give unembed_fn; else correct vocab_size."
        )
    if model.has_cache:
        _check_cache(model, params, memory, tokens, rows, outputs)


def abstract_ids(*shape: int) -> Any:
    """What stands for an int32 array of `shape` while a function is traced."""
    return jax.eval_shape(lambda: jnp.zeros(shape, jnp.int32))


def _check_cache(model: Model, params: Tree, memory: Tree, tokens: Any, positions: Any, outputs: Any) -> None:
    cache = _trace("init_cache_fn", lambda: model.init_cache(_ROWS, tokens.shape[1] + 1))
    _check_rows("init_cache_fn", cache, _ROWS)
    extended, following = _trace("extend_fn", model.extend, params, memory, cache, tokens, positions)
    if _signature(extended) != _signature(outputs):
        raise ModelError(
            "extend_fn must return at each token what apply_fn returns there; for the same tokens apply_fn returned "
            f"{_signature(outputs)[1]}, extend_fn {_signature(extended)[1]}."
        )
    if _signature(following) != _signature(cache):
        raise ModelError(
            "extend_fn must return a cache like the one that it takes, with the same shapes and dtypes; it took "
            f"{_signature(cache)[1]} and returned {_signature(following)[1]}."
        )


def _trace(name: str, function: Callable[..., Any], *arguments: Any) -> Any:
    try:
        return jax.eval_shape(function, *arguments)
    except Exception as error:
        shapes = [str(leaf.shape) for leaf in jax.tree.leaves(arguments[1:])]
        raise ModelError(f"{name} failed for arguments of shape {', '.join(shapes) or '()'}: {error}") from error


def _check_outputs(name: str, outputs: Any, shape: tuple[int, ...]) -> None:
    found = getattr(outputs, "shape", None)
    if found is None:
        raise ModelError(f"{name} must return one array, found {type(outputs).__name__}.")
    if len(found) != 3 or found[:2] != shape:
        raise ModelError(f"{name} must return [batch, length, ...]; for tokens {shape} it returned {found}.")


def _check_rows(name: str, tree: Tree, rows: int) -> None:
    for leaf in jax.tree.leaves(tree):
        if leaf.shape[:1] != (rows,):
            raise ModelError(
                f"Every array that {name} returns must begin with the batch axis; for {rows} rows it returned one of "
                f"shape {leaf.shape}."
            )


def _signature(tree: Tree) -> tuple[Any, list[str]]:
    leaves, structure = jax.tree.flatten(tree)
    return structure, [f"{leaf.dtype}{list(leaf.shape)}" for leaf in leaves]
