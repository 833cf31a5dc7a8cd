"""Which of a Flax module's methods are the functions of a `Model`; the adapters for linen and nnx share it."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any, final

from evalkit.errors import ArgumentError, nearest_names

Method = str | Callable[..., Any]  # the name of a method, or a function whose first argument is the module


@final
@dataclasses.dataclass(frozen=True)
class Methods:
    """The methods of a module, each by its name or as a function that is called with the module first.

    A function adapts what has other arguments: `outputs=lambda module, tokens: module(tokens, train=False)`. What the
    methods take and return is what `Model` says of its functions, without the parameters.

    Attributes:
      outputs: `(tokens)`, with an encoder `(memory, tokens)`; what `apply_fn` returns.
      unembed: `(hidden)`, where `outputs` and `extend` return hidden states.
      encode: `(inputs, lengths)`; None for a decoder-only module.
      extend: `(cache, tokens, positions)`, with an encoder `(memory, cache, tokens, positions)`.
      init_cache: `(batch_size, length)`; it reads no parameters.
    """

    outputs: Method = "__call__"
    unembed: Method | None = None
    encode: Method | None = None
    extend: Method | None = None
    init_cache: Method | None = None

    def check(self, module: Any) -> None:
        """Checks that `module` has the methods that are named.

        Raises:
          ArgumentError: it has no method of such a name.
        """
        for field in dataclasses.fields(self):
            method = getattr(self, field.name)
            if isinstance(method, str) and not callable(getattr(type(module), method, None)):
                near = nearest_names(method, [name for name in dir(type(module)) if not name.startswith("_")])
                hint = f" Nearest names: {', '.join(map(repr, near))}." if near else ""
                raise ArgumentError(f"{type(module).__name__} has no method {method!r} ({field.name}).{hint}")


def call(module: Any, method: Method, *arguments: Any) -> Any:
    """Calls one of the `Methods` of `module`."""
    return getattr(module, method)(*arguments) if isinstance(method, str) else method(module, *arguments)


def model_functions(
    methods: Methods,
    with_params: Callable[[Method], Callable[..., Any]],
    without: Callable[[Method], Callable[..., Any]],
) -> dict[str, Any]:
    """The functions of a `Model`, by the names of its fields.

    Args:
      methods: which methods there are.
      with_params: makes of a method a function that takes parameters first.
      without: makes of a method a function that takes none.
    """

    def optional(method: Method | None) -> Callable[..., Any] | None:
        return None if method is None else with_params(method)

    return {
        "apply_fn": with_params(methods.outputs),
        "unembed_fn": optional(methods.unembed),
        "encode_fn": optional(methods.encode),
        "extend_fn": optional(methods.extend),
        "init_cache_fn": None if methods.init_cache is None else without(methods.init_cache),
    }
