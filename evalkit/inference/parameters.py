"""Compares a tree of parameters with the one that a model expects, and names where they differ."""

from __future__ import annotations

from typing import Any

import jax

from evalkit.errors import ModelError

_SHOWN = 3


def check_parameters(model: str, expected: Any, found: Any) -> None:
    """Checks that `found` has the arrays that `expected` has, of the same shapes; their dtypes may differ.

    Args:
      model: its name, for the message.
      expected: a tree of arrays or of `jax.ShapeDtypeStruct`.
      found: a tree of arrays.

    Raises:
      ModelError: an array is missing, superfluous, or of another shape; the message has its path.

    Example:
      >>> shape = jax.ShapeDtypeStruct((2, 3), "float32")
      >>> check_parameters("LM", {"embed": {"table": shape}}, {"embed": {"table": shape}})
      >>> check_parameters("LM", {"embed": {"table": shape}}, {"embed": {}})
      Traceback (most recent call last):
      evalkit.errors.ModelError: The parameters do not fit LM: embed/table is missing (expected shape (2, 3)).
    """
    wanted, given = _shapes(expected), _shapes(found)
    wrong = [f"{path} is missing (expected shape {shape})" for path, shape in wanted.items() if path not in given]
    wrong += [f"{path} is not one of its parameters" for path in given if path not in wanted]
    wrong += [
        f"{path} has shape {given[path]}, expected {shape}"
        for path, shape in wanted.items()
        if path in given and given[path] != shape
    ]
    if wrong:
        more = f"; and {len(wrong) - _SHOWN} more" if len(wrong) > _SHOWN else ""
        raise ModelError(f"The parameters do not fit {model}: {'; '.join(wrong[:_SHOWN])}{more}.")


def _shapes(tree: Any) -> dict[str, Any]:
    leaves, _ = jax.tree_util.tree_flatten_with_path(tree)
    return {_path(keys): getattr(leaf, "shape", type(leaf).__name__) for keys, leaf in leaves}


def _path(keys: tuple[Any, ...]) -> str:
    """The names of the keys; a variable of nnx counts as the array that it holds."""
    names = [str(getattr(key, "key", getattr(key, "idx", getattr(key, "name", key)))) for key in keys]
    if len(names) > 1 and names[-1] == "value":
        names.pop()
    return "/".join(names) or "the whole tree"
