"""Rows of values as an aligned table for a terminal.

>>> print(render(["step", "accuracy"], [[0, 0.0], [100, 0.8125]]))
step  accuracy
----  --------
   0         0
 100    0.8125
"""

from __future__ import annotations

import numbers
from collections.abc import Sequence
from typing import Any


def render(header: Sequence[str], rows: Sequence[Sequence[Any]]) -> str:
    """The table; numbers are shown with four significant decimals and stand to the right, as do their headings.

    Args:
      header: the names of the columns.
      rows: as many values each as there are columns; None is shown as "-".
    """
    cells = [[cell(value) for value in row] for row in rows]
    columns = [list(column) for column in zip(header, *cells, strict=True)]
    widths = [max(map(len, column)) for column in columns]
    numeric = [all(is_number(row[i]) or row[i] is None for row in rows) for i in range(len(header))]
    lines = [header, ["-" * width for width in widths], *cells]
    return "\n".join(_line(line, widths, numeric) for line in lines)


def _line(values: Sequence[str], widths: Sequence[int], numeric: Sequence[bool]) -> str:
    padded = [
        value.rjust(width) if to_the_right else value.ljust(width)
        for value, width, to_the_right in zip(values, widths, numeric, strict=True)
    ]
    return "  ".join(padded).rstrip()


def cell(value: Any) -> str:
    """How a value is shown in a cell."""
    if value is None:
        return "-"
    if is_number(value) and not isinstance(value, numbers.Integral):
        return f"{float(value):.4f}".rstrip("0").rstrip(".") if abs(value) < 1e6 else f"{float(value):.4g}"
    return str(value)


def is_number(value: Any) -> bool:
    """Whether `value` is a number, and not a truth value."""
    return isinstance(value, numbers.Real) and not isinstance(value, bool)
