"""Draws docs/demo.svg from the metrics of a demo: `python docs/figure.py runs/demo/…/addition-metrics.jsonl`."""

from __future__ import annotations

import json
import sys
from pathlib import Path

WIDTH, HEIGHT, MARGIN = 640, 240, 44
LINE, GREY = "#1f77b4", "#8a8a8a"


def draw(rows: list[dict[str, float]]) -> str:
    """The exact match by step, as an SVG that can be read on light and dark ground."""
    last = rows[-1]["step"]

    def x(step: float) -> float:
        return MARGIN + step / last * (WIDTH - 2 * MARGIN)

    def y(share: float) -> float:
        return HEIGHT - MARGIN - share * (HEIGHT - 2 * MARGIN)

    def label(at_x: float, at_y: float, text: str, anchor: str = "middle") -> str:
        return f'<text x="{at_x:.0f}" y="{at_y:.0f}" text-anchor="{anchor}" fill="{GREY}">{text}</text>'

    points = [(x(row["step"]), y(row["exact_match"])) for row in rows]
    ticks = [f'<path d="M{MARGIN} {y(t):.0f}H{WIDTH - MARGIN}" stroke="{GREY}" opacity=".3"/>' for t in (0, 0.5, 1)]
    ticks += [label(MARGIN - 8, y(t) + 4, f"{t:g}", "end") for t in (0, 0.5, 1)]
    ticks += [label(x(t), HEIGHT - MARGIN + 20, f"{t:g}") for t in range(0, int(last) + 1, max(1, int(last) // 4))]
    return "\n".join(
        [
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" font-family="sans-serif" '
            'font-size="12">',
            *ticks,
            label(MARGIN, MARGIN - 20, "exact match, 500 sums held out", "start"),
            label(WIDTH - MARGIN, HEIGHT - 8, "training step", "end"),
            f'<polyline fill="none" stroke="{LINE}" stroke-width="2.5" points="'
            + " ".join(f"{px:.1f},{py:.1f}" for px, py in points)
            + '"/>',
            *(f'<circle cx="{px:.1f}" cy="{py:.1f}" r="3.5" fill="{LINE}"/>' for px, py in points),
            "</svg>\n",
        ]
    )


if __name__ == "__main__":
    lines = Path(sys.argv[1]).read_text(encoding="utf-8").splitlines()
    Path(__file__).with_name("demo.svg").write_text(draw([json.loads(line) for line in lines]), encoding="utf-8")
