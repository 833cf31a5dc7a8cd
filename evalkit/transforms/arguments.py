"""Arguments that a pipeline offers, handed only to the transforms that ask for them.

A task knows the sequence lengths and its output features; some of its preprocessors want them and most do not. A
transform asks by naming the argument: as a parameter, or, where it is a dataclass instance, as a field. What was fixed
already with `functools.partial` stays as it was fixed.
"""

from __future__ import annotations

import dataclasses
import functools
import inspect
from collections.abc import Callable
from typing import Any


def add_kwargs_to_transform(transform: Callable[..., Any], **kwargs: Any) -> Callable[..., Any]:
    """Binds those of `kwargs` that `transform` takes, and ignores the others.

    Args:
      transform: a function, a `functools.partial` or an instance of a dataclass.
      **kwargs: what is on offer.

    Returns:
      `transform` itself where it takes none of them; for a dataclass, a copy with these fields; else a partial.

    Example:
      >>> def scale(value, factor):
      ...     return value * factor
      >>> add_kwargs_to_transform(scale, factor=3, unit="m")(5)
      15
      >>> add_kwargs_to_transform(functools.partial(scale, factor=2), factor=3)(5)
      10
    """
    wanted = _argument_names(transform)
    bound = {name: value for name, value in kwargs.items() if name in wanted}
    if not bound:
        return transform
    if _is_dataclass_instance(transform):
        replaced: Callable[..., Any] = dataclasses.replace(transform, **bound)  # type: ignore[type-var]
        return replaced
    return functools.partial(transform, **bound)


def _argument_names(transform: Callable[..., Any]) -> set[str]:
    if _is_dataclass_instance(transform):
        return {field.name for field in dataclasses.fields(transform)}  # type: ignore[arg-type]
    names = set(inspect.signature(transform).parameters)
    return names - set(transform.keywords) if isinstance(transform, functools.partial) else names


def _is_dataclass_instance(transform: Any) -> bool:
    return dataclasses.is_dataclass(transform) and not isinstance(transform, type)
