"""The bars of the issue, and the table that says which are met."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Mapping
from typing import Any

Figures = Mapping[str, Mapping[str, float]]
"""`{measurement: {"evalkit": figure, its peer: figure}}`; a subject that cannot be measured is missing."""


@dataclasses.dataclass(frozen=True)
class Bar:
    """What must hold for one measurement.

    Attributes:
      measurement: its name among the figures.
      unit: of both figures.
      times_less: how many times less than `against` evalkit's figure must be; None for no such bar.
      at_most: what evalkit's figure must not exceed; None for no such bar.
      at_least: what evalkit's figure must reach; None for no such bar.
      against: the measurement that evalkit's figure is divided into, if it is not the peer's of the same name.
      peer: beside whom evalkit is measured.
    """

    measurement: str
    unit: str
    times_less: float | None = None
    at_most: float | None = None
    at_least: float | None = None
    against: str | None = None
    peer: str = "seqio"

    def ratio(self, figures: Figures) -> float | None:
        """How many times less evalkit's figure is than the peer's (or than evalkit's own in `against`)."""
        ours = figures[self.measurement].get("evalkit")
        theirs = figures[self.against]["evalkit"] if self.against else figures[self.measurement].get(self.peer)
        return theirs / ours if ours and theirs is not None else None

    def met(self, figures: Figures) -> bool | None:
        """Whether the bar is met; None where there is no bar or nothing was measured."""
        ours = figures[self.measurement].get("evalkit")
        if ours is None:
            return None
        if self.at_least is not None:
            return ours >= self.at_least
        if self.at_most is not None:
            return ours <= self.at_most
        if self.times_less is None:
            return None
        ratio = self.ratio(figures)
        return ratio is not None and ratio >= self.times_less

    @property
    def words(self) -> str:
        """The bar as the table shows it."""
        if self.at_most is not None:
            return f"<= {self.at_most:g}"
        if self.at_least is not None:
            return f">= {self.at_least:g}"
        return f"{self.times_less:g}x less" if self.times_less else ""


BARS = (
    Bar("cache 100,000 rows offline, CPU", "s", times_less=1),
    Bar("cache 100,000 rows offline, wall", "s"),
    Bar("evaluate, one text metric, no logger", "us/example", times_less=10),
    Bar("  first evaluate (targets are postprocessed)", "us/example"),
    Bar("  with a postprocess function", "us/example"),
    Bar("  ragged outputs", "us/example"),
    Bar("  each further metric", "us/example", at_most=3),
    Bar("evaluate with JSONL and TensorBoard", "us/example", times_less=15),
    Bar("  JSONL alone, over no logger", "us/row", at_most=10),
    Bar("construct, CPU", "s", times_less=2),
    Bar("construct, wall", "s", times_less=2),
    Bar("construct with a store on disk, CPU", "s"),
    Bar("construct again from that store, CPU", "s", times_less=20, against="construct with a store on disk, CPU"),
    Bar("one pass over the model dataset, CPU", "s", times_less=5),
    Bar("preprocessor calls, memory cache", "per example", at_most=1),
    Bar("converter calls, memory cache", "per example", at_most=1),
    Bar("preprocessor calls, no memory cache", "per example", at_most=1),
    Bar("converter calls, no memory cache", "per example", at_most=1),
    Bar("memory held / payload", "x", at_most=1.3),
    Bar("memory held / payload, 20 KB raw field dropped", "x", at_most=1.3),
    Bar("import, CPU", "s", at_most=0.5),
    Bar("import, resident", "MB"),
    Bar("import, of tensorflow, jax, flax loaded", "modules", at_most=0),
    Bar("register 10,000 tasks, CPU", "s", at_most=0.3),
    Bar("rates of 2,000 tasks in nested mixtures, CPU", "s", at_most=0.02),
    Bar("pack short examples (encoder-decoder), CPU", "us/example", times_less=5),
    Bar("merge the metrics of 800 batches, CPU", "s", at_most=0.2),
    Bar("main-thread loop: time lost to metrics beside it", "s", times_less=10),
    Bar("  time evaluate() held the caller", "s"),
    Bar("score four choices of 500 questions, 5-shot, CPU", "s", times_less=3, peer="huggingface"),
    Bar("score four choices of 500 questions, 5-shot, wall", "s", peer="huggingface"),
    Bar("  largest difference of a score", "nats", at_most=1e-4),
    Bar("  score four choices of 500 questions, 5-shot: compiling, CPU", "s"),
    Bar("  score four choices of 500 questions, 5-shot: compiled the second time", "functions", at_most=0),
    Bar("answer 200 prompts greedily, 64 tokens each, CPU", "s", times_less=1.5, peer="huggingface"),
    Bar("answer 200 prompts greedily, 64 tokens each, wall", "s", peer="huggingface"),
    Bar("  answers that differ", "of 200", at_most=0),
    Bar("  answer 200 prompts greedily, 64 tokens each: compiling, CPU", "s"),
    Bar("  answer 200 prompts greedily, 64 tokens each: compiled the second time", "functions", at_most=0),
    Bar("score whole documents, over the bare forward, CPU", "speed", at_least=0.9),
    Bar("  over one that keeps the largest logit, CPU", "speed", at_least=0.9),
    Bar("  over one that keeps the largest logit, wall", "speed"),
    Bar("  over the machine's matrix products, CPU", "speed"),
    Bar("inline evaluation, overlapped: training time lost", "%", at_most=3),
    Bar("  99th percentile of step times, over that without", "x", at_most=1.5),
    Bar("  a step without", "ms"),
    Bar("  a step is held up for", "ms"),
    Bar("64 requests at a time on a live model, batch fill", "share", at_least=0.9),
    Bar("  over one at a time, wall", "speed", at_least=8),
    Bar("  over one at a time that waits for no company, wall", "speed", at_least=8),
    Bar("  computations for 8 equal requests", "computations", at_most=1),
    Bar("response cache, hits", "per s", at_least=30_000),
    Bar("response cache, batched writes", "per s", at_least=10_000),
)


def render(figures: Figures) -> str:
    """The table as text; measurements that were not made are left out."""
    rows: list[tuple[str, ...]] = [("", "peer", "evalkit", "unit", "ratio", "bar", "")]
    for bar in BARS:
        if bar.measurement in figures:
            rows.append(_row(bar, figures))
    widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
    return "\n".join(_line(row, widths) for row in rows)


def outcomes(figures: Figures) -> dict[str, Any]:
    """The same for machines: `{measurement: {peer's name, evalkit, unit, ratio, bar, met}}`."""
    return {
        bar.measurement.strip(): {
            **figures[bar.measurement],
            "unit": bar.unit,
            "ratio": bar.ratio(figures),
            "bar": bar.words,
            "met": bar.met(figures),
        }
        for bar in BARS
        if bar.measurement in figures
    }


def _row(bar: Bar, figures: Figures) -> tuple[str, ...]:
    measured = figures[bar.measurement]
    ratio = bar.ratio(figures)
    verdict = {True: "met", False: "NOT MET", None: ""}[bar.met(figures)]
    return (
        bar.measurement,
        _number(measured.get(bar.peer)),
        _number(measured.get("evalkit")),
        bar.unit,
        "" if ratio is None else f"{ratio:.1f}x",
        bar.words,
        verdict,
    )


def _number(value: float | None) -> str:
    if value is None:
        return "-"
    return f"{value:.0f}" if abs(value) >= 100 else f"{value:.3g}"


def _line(row: Iterable[str], widths: list[int]) -> str:
    cells = list(row)
    aligned = [
        cell.rjust(width) if i in (1, 2, 4) else cell.ljust(width)
        for i, (cell, width) in enumerate(zip(cells, widths, strict=True))
    ]
    return "  ".join(aligned).rstrip()
