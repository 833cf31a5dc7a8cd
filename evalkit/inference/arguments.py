"""Checks that several parts of this room make of their arguments."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from evalkit.errors import ArgumentError, ArgumentTypeError


def whole_number(name: str, value: Any, *, least: int = 1) -> int:
    """`value` as an `int`.

    Args:
      name: of the argument, for the message.
      value: an integer, of numpy too; not a bool.
      least: what it must be at least.

    Raises:
      ArgumentTypeError: it is not an integer.
      ArgumentError: it is too small.

    Example:
      >>> whole_number("token_budget", 4096)
      4096
    """
    if isinstance(value, bool) or not isinstance(value, int | np.integer):
        raise ArgumentTypeError(f"{name} must be a whole number, found {value!r} ({type(value).__name__}).")
    if value < least:
        raise ArgumentError(f"{name} must be at least {least}, found {value}.")
    return int(value)


def real_number(name: str, value: Any) -> float:
    """`value` as a `float`.

    Args:
      name: of the argument, for the message.
      value: a finite number, of numpy too; not a bool.

    Raises:
      ArgumentTypeError: it is not a number.
      ArgumentError: it is not finite.

    Example:
      >>> real_number("timeout_s", 5)
      5.0
    """
    if isinstance(value, bool) or not isinstance(value, int | float | np.floating | np.integer):
        raise ArgumentTypeError(f"{name} must be a number, found {value!r} ({type(value).__name__}).")
    if not math.isfinite(value):
        raise ArgumentError(f"{name} must be finite, found {value}.")
    return float(value)
