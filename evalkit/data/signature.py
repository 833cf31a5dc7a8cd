"""What a user's function is called and which parameters it has.

Thousands of tasks are registered at import, most of which the program never uses, so asking must cost next to nothing:
plain functions are read from their code object, partials by what they wrap, and only the rest by `inspect`.
"""

from __future__ import annotations

import functools
import inspect
import types
from collections.abc import Callable
from typing import Any, NamedTuple

Function = Callable[..., Any]


class Parameters(NamedTuple):
    """The parameters that a function still takes, in their order; `*args` and `**kwargs` are not among them.

    Attributes:
      positional: those that may be given by position.
      keyword_only: the others.
      required: those of both that have no default.
    """

    positional: tuple[str, ...] = ()
    keyword_only: tuple[str, ...] = ()
    required: tuple[str, ...] = ()

    @property
    def names(self) -> tuple[str, ...]:
        """All of them."""
        return self.positional + self.keyword_only


def function_name(function: Any) -> str:
    """The name to show for a function, a partial (of what it wraps) or a callable object (of its class).

    >>> function_name(functools.partial(len))
    'len'
    """
    if isinstance(function, functools.partial):
        return function_name(function.func)
    return getattr(function, "__name__", None) or type(function).__name__


def parameters_of(function: Function) -> Parameters:
    """The parameters of `function`; none where Python cannot tell.

    >>> parameters_of(functools.partial(lambda a, b, *, c, d=1: a, 0, c=2))
    Parameters(positional=('b',), keyword_only=('c', 'd'), required=('b',))
    """
    if isinstance(function, functools.partial):
        return _of_partial(function)
    if isinstance(function, types.FunctionType) and not function.__dict__:  # nor claims another one's signature
        return _of_plain(function)
    return _of_any(function)


def parameter_names(function: Function) -> frozenset[str]:
    """The names of all parameters that `function` still takes; empty where Python cannot tell.

    An instance of a dataclass takes arguments as fields too, see `add_kwargs_to_transform`.

    >>> sorted(parameter_names(functools.partial(lambda a, b, c=1: a, 0, c=2)))
    ['b', 'c']
    """
    return frozenset((*parameters_of(function).names, *getattr(function, "__dataclass_fields__", ())))


def requires(function: Function, parameter: str) -> bool:
    """Whether `function` cannot be called without `parameter`: it takes it, and has no default for it.

    >>> requires(lambda dataset, length: dataset, "length"), requires(lambda dataset, length=1: dataset, "length")
    (True, False)
    """
    return parameter in parameters_of(function).required


def _of_partial(function: functools.partial[Any]) -> Parameters:
    positional, keyword_only, required = parameters_of(function.func)
    given = {*positional[: len(function.args)], *function.keywords}
    return Parameters(
        positional[len(function.args) :], keyword_only, tuple(name for name in required if name not in given)
    )


def _of_plain(function: types.FunctionType) -> Parameters:
    code, defaults = function.__code__, function.__defaults__ or ()
    positional = code.co_varnames[: code.co_argcount]
    if not code.co_kwonlyargcount:  # most functions; each microsecond here counts ten thousand times
        return Parameters(positional, (), positional[: code.co_argcount - len(defaults)])
    keyword_only = code.co_varnames[code.co_argcount : code.co_argcount + code.co_kwonlyargcount]
    optional = function.__kwdefaults__ or {}
    required = (name for name in keyword_only if name not in optional)
    return Parameters(positional, keyword_only, (*positional[: code.co_argcount - len(defaults)], *required))


def _of_any(function: Function) -> Parameters:
    try:
        found = inspect.signature(function).parameters.values()
    except (TypeError, ValueError):  # some builtins have no signature
        return Parameters()
    by_position = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
    named = (*by_position, inspect.Parameter.KEYWORD_ONLY)
    return Parameters(
        tuple(p.name for p in found if p.kind in by_position),
        tuple(p.name for p in found if p.kind is inspect.Parameter.KEYWORD_ONLY),
        tuple(p.name for p in found if p.kind in named and p.default is inspect.Parameter.empty),
    )
