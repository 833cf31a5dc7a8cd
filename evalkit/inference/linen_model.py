"""From a Flax linen module to a `Model`.

The module is asked for its parameters' shapes, so that parameters of another one are refused by their path.

>>> module = nn.Sequential([nn.Embed(10, 4), nn.Dense(10)])
>>> model = linen_model(module, vocab_size=10, max_length=8)
>>> params = module.init(jax.random.key(0), jax.numpy.zeros((1, 8), int))
>>> model.outputs(params, None, jax.numpy.zeros((2, 3), int)).shape
(2, 3, 10)
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import flax.linen as nn
import jax
from flax.errors import InvalidRngError

from evalkit.errors import ModelError
from evalkit.inference.methods import Method, Methods, call, model_functions
from evalkit.inference.model import Model, Tree
from evalkit.inference.model_check import abstract_ids, check_model
from evalkit.inference.parameters import check_parameters

_METHODS = Methods()


def linen_model(
    module: nn.Module,
    *,
    vocab_size: int,
    max_length: int,
    methods: Methods = _METHODS,
    max_input_length: int | None = None,
    pad_id: int = 0,
    bos_id: int | None = None,
    eos_ids: tuple[int, ...] = (),
) -> Model:
    """Describes `module`, which is traced but not run.

    Parameters are given at every call, either as `module.init` returns them, `{"params": ...}` with other collections
    beside it, or as what stands under "params" if the module has no other collection. Collections are read, never
    written.

    Args:
      module: causal and, called as `methods` say, deterministic.
      vocab_size: as for `Model`.
      max_length: as for `Model`.
      methods: which methods of the module to use. With only `__call__` the model has no cache.
      max_input_length: as for `Model`.
      pad_id: as for `Model`.
      bos_id: as for `Model`.
      eos_ids: as for `Model`.

    Raises:
      ArgumentError: `methods` names a method that the module does not have, or a number is out of range.
      ModelError: the module needs random numbers, writes a collection, keeps a cache of its own, or returns something
        else than `Model` says.
    """
    methods.check(module)

    def with_params(method: Method) -> Callable[..., Any]:
        return lambda params, *arguments: module.apply(_variables(params), *arguments, method=method)

    def without(method: Method) -> Callable[..., Any]:
        return lambda *arguments: module.apply({}, *arguments, method=method)

    def check(params: Tree) -> None:
        if not isinstance(params, Mapping):
            raise ModelError(
                f"The parameters of {name} must be a mapping, as `init` returns it; found {type(params).__name__}."
            )
        check_parameters(name, expected, nn.meta.unbox(_variables(params)))

    model = Model(
        **model_functions(methods, with_params, without),
        vocab_size=vocab_size,
        max_length=max_length,
        max_input_length=max_input_length,
        pad_id=pad_id,
        bos_id=bos_id,
        eos_ids=eos_ids,
        check_params_fn=check,
    )
    name = type(module).__name__
    expected = _expected_variables(module, methods, model)
    try:
        check_model(model, expected)
    except ModelError as error:
        if isinstance(error.__cause__, InvalidRngError):
            raise ModelError(
                f"{name} is not deterministic: {error.__cause__}. Give a function that calls it as it is evaluated, "
                "such as Methods(outputs=lambda module, tokens: module(tokens, deterministic=True))."
            ) from error
        raise
    return model


def _variables(params: Mapping[str, Any]) -> Mapping[str, Any]:
    return params if "params" in params else {"params": params}


def _expected_variables(module: nn.Module, methods: Methods, model: Model) -> Any:
    """The variables of `module`, as shapes and without the boxes in which partitioned ones lie."""

    def touch_everything(module: nn.Module, inputs: Any, lengths: Any, tokens: Any) -> Any:
        memory = () if methods.encode is None else (call(module, methods.encode, inputs, lengths),)
        outputs = call(module, methods.outputs, *memory, tokens)
        return outputs if methods.unembed is None else call(module, methods.unembed, outputs)

    tokens = abstract_ids(1, model.max_length)
    inputs = abstract_ids(1, model.input_limit)
    lengths = abstract_ids(1)
    key = jax.eval_shape(lambda: jax.random.key(0))
    name = type(module).__name__
    try:
        variables = jax.eval_shape(
            lambda *arguments: module.init(*arguments, method=touch_everything), key, inputs, lengths, tokens
        )
    except Exception as error:
        raise ModelError(f"{name} cannot be initialised with tokens of shape {tokens.shape}: {error}") from error
    if "cache" in variables:
        raise ModelError(
            f"{name} keeps a cache of its own (collection 'cache'). Take it as it is trained, without one; a cache "
            "that is an argument is used through `Methods.extend` and `Methods.init_cache`."
        )
    return nn.meta.unbox(variables)
