"""A metric against the step, drawn with characters.

>>> print(render("accuracy", [0, 50, 100], [0.0, 0.5, 1.0], width=20, height=3))
accuracy
  1 │          ••••
    │    ••••••
  0 │••••
    └──────────────
     0          100
"""

from __future__ import annotations

import math
import shutil
from collections.abc import Sequence

from evalkit.cli.table import cell

HEIGHT = 12
MAX_WIDTH = 100


def render(title: str, steps: Sequence[int], values: Sequence[float], width: int = 0, height: int = HEIGHT) -> str:
    """The curve, with straight lines between its points; empty where it has fewer than two.

    Args:
      title: stands above.
      steps: where the points are; they increase.
      values: at the steps; those that are not finite are left out.
      width: in characters; 0: that of the terminal, up to `MAX_WIDTH`.
      height: of the curve, in lines.
    """
    points = [(step, value) for step, value in zip(steps, values, strict=True) if math.isfinite(value)]
    if len({step for step, _ in points}) < 2:
        return ""
    lowest, highest = min(value for _, value in points), max(value for _, value in points)
    top, bottom = cell(float(highest)), cell(float(lowest))
    margin = max(len(top), len(bottom), 3)
    columns = (width or min(shutil.get_terminal_size().columns, MAX_WIDTH)) - margin - 3
    first, last = points[0][0], points[-1][0]
    grid = [[" "] * columns for _ in range(height)]
    for column in range(columns):
        value = _at(points, first + (last - first) * column / (columns - 1))
        share = (value - lowest) / (highest - lowest) if highest > lowest else 0.5
        grid[round((1 - share) * (height - 1))][column] = "•"
    labels = {0: top, height - 1: bottom}
    lines = [f"{labels.get(row, ''):>{margin}} │{''.join(cells)}".rstrip() for row, cells in enumerate(grid)]
    ends = f"{first}{last:>{max(columns - len(str(first)), 1)}}"
    return "\n".join([title, *lines, f"{'':{margin}} └{'─' * columns}", f"{'':{margin}}  {ends}"])


def _at(points: Sequence[tuple[int, float]], step: float) -> float:
    """The value at `step`, on the line between the points beside it."""
    after = next((i for i, (found, _) in enumerate(points) if found >= step), len(points) - 1)
    (left, low), (right, high) = points[max(after - 1, 0)], points[after]
    return high if right == left else low + (high - low) * (step - left) / (right - left)
