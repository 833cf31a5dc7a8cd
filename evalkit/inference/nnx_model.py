"""From a Flax nnx module to a `Model` and its parameters.

The structure of the module goes into the model, and what can be trained, and other variables, are its parameters.

>>> module = nnx.Sequential(nnx.Embed(10, 4, rngs=nnx.Rngs(0)), nnx.Linear(4, 10, rngs=nnx.Rngs(1)))
>>> model, params = nnx_model(module, vocab_size=10, max_length=8)
>>> model.outputs(params, None, jax.numpy.zeros((2, 3), int)).shape
(2, 3, 10)
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax
from flax import nnx

from evalkit.errors import ModelError
from evalkit.inference.methods import Method, Methods, call, model_functions
from evalkit.inference.model import Model, Tree
from evalkit.inference.model_check import check_model
from evalkit.inference.parameters import check_parameters

_METHODS = Methods()


def nnx_model(
    module: nnx.Module,
    *,
    vocab_size: int,
    max_length: int,
    methods: Methods = _METHODS,
    max_input_length: int | None = None,
    pad_id: int = 0,
    bos_id: int | None = None,
    eos_ids: tuple[int, ...] = (),
) -> tuple[Model, Tree]:
    """Describes `module`, and takes its parameters out of it.

    The module is not changed, and it is evaluated in the mode for evaluation (`module.eval()`) whatever mode it is in.
    Of the module the model keeps only the structure; later parameters of it are `nnx.state(module)`.

    Args:
      module: causal and, in the mode for evaluation, deterministic.
      vocab_size: as for `Model`.
      max_length: as for `Model`.
      methods: which methods of the module to use. With only `__call__` the model has no cache.
      max_input_length: as for `Model`.
      pad_id: as for `Model`.
      bos_id: as for `Model`.
      eos_ids: as for `Model`.

    Returns:
      The model, and all variables of the module but the states of its random numbers.

    Raises:
      ArgumentError: `methods` names a method that the module does not have, or a number is out of range.
      ModelError: the module keeps a cache of its own, or returns something else than `Model` says.
    """
    methods.check(module)
    name = type(module).__name__
    graph, *states = nnx.split(module, nnx.RngState, nnx.Cache, ...)
    random_states, caches, params = states
    if jax.tree.leaves(caches):
        raise ModelError(
            f"{name} keeps a cache of its own (variables of type nnx.Cache). Take it as it is trained, without one; a "
            "cache that is an argument is used through `Methods.extend` and `Methods.init_cache`."
        )
    expected = jax.eval_shape(lambda: params)

    def merged(params: Tree) -> Any:
        copy: Any = nnx.merge(graph, random_states, caches, _without_random_states(params))
        copy.eval()
        return copy

    def with_params(method: Method) -> Callable[..., Any]:
        return lambda params, *arguments: call(merged(params), method, *arguments)

    def without(method: Method) -> Callable[..., Any]:
        return lambda *arguments: call(merged(expected), method, *arguments)

    model = Model(
        **model_functions(methods, with_params, without),
        vocab_size=vocab_size,
        max_length=max_length,
        max_input_length=max_input_length,
        pad_id=pad_id,
        bos_id=bos_id,
        eos_ids=eos_ids,
        check_params_fn=lambda params: check_parameters(name, expected, _without_random_states(params)),
    )
    check_model(model, expected)
    return model, params


def _without_random_states(params: Tree) -> Tree:
    """`params` without the states of random numbers that `nnx.state(module)` has among them."""
    return nnx.split_state(params, nnx.RngState, ...)[1] if isinstance(params, nnx.State) else params
