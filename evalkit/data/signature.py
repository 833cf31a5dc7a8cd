"""What a user's function is called and which parameters it has.

Thousands of tasks are registered at import, most of which the program never uses, so asking must cost next to nothing:
plain functions are read from their code object, partials by what they wrap, and only the rest by `inspect`.
"""

from __future__ import annotations

import functools
import inspect
import types
from collections.abc import Callable
from typing import Any

Function = Callable[..., Any]


def function_name(function: Any) -> str:
    """The name to show for a function, a partial (of what it wraps) or a callable object (of its class).

    >>> function_name(functools.partial(len))
    'len'
    """
    if isinstance(function, functools.partial):
        return function_name(function.func)
    return getattr(function, "__name__", None) or type(function).__name__


def parameter_names(function: Function) -> frozenset[str]:
    """The names of all parameters that `function` still takes; empty where Python cannot tell.

    >>> sorted(parameter_names(functools.partial(lambda a, b, c=1: a, 0, c=2)))
    ['b', 'c']
    """
    if isinstance(function, functools.partial):
        bound = len(function.args)
        return parameter_names(function.func) - set(_positional_names(function.func)[:bound] if bound else ())
    if _is_plain(function):
        code = function.__code__
        return frozenset(code.co_varnames[: code.co_argcount + code.co_kwonlyargcount])
    return frozenset(_parameters(function))


def requires(function: Function, parameter: str) -> bool:
    """Whether `function` cannot be called without `parameter`: it takes it, and has no default for it.

    >>> requires(lambda dataset, length: dataset, "length"), requires(lambda dataset, length=1: dataset, "length")
    (True, False)
    """
    found = _parameters(function).get(parameter)
    return found is not None and found.default is inspect.Parameter.empty


def _positional_names(function: Function) -> list[str]:
    kinds = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
    return [name for name, parameter in _parameters(function).items() if parameter.kind in kinds]


def _is_plain(function: Function) -> bool:
    """Whether the code object tells all: a Python function that does not claim another one's signature."""
    return isinstance(function, types.FunctionType) and not function.__dict__


def _parameters(function: Function) -> dict[str, inspect.Parameter]:
    try:
        return dict(inspect.signature(function).parameters)
    except (TypeError, ValueError):  # some builtins have no signature
        return {}
