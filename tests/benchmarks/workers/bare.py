"""Scoring whole documents beside the bare jitted forward on the same padded batches, and beside matrix products.

They take turns, so that what else the machine does falls on all of them. The forward makes all logits, padding's too,
and either hands them out or keeps the largest, which spares it writing them; `Engine.score` makes log-probabilities and
the likeliest ids, at real tokens only, and plans, pads and checks.
"""

from __future__ import annotations

import importlib
import statistics

from tests.benchmarks import language, measure


def main() -> None:
    asked = measure.request()
    language.use_threads()
    documents = importlib.import_module("tests.benchmarks.language.whole_documents")
    acts, share_of_products = documents.prepared(language.documents(asked["folder"], asked["documents"]))
    watches: list[list[measure.Stopwatch]] = []
    for turn in range(asked["times"] + 1):
        taken = []
        for act in acts:
            with measure.Stopwatch() as watch:
                act()
            taken.append(watch)
        watches += [taken] if turn else []  # the first one compiles
    cpu = [[watch.cpu for watch in taken] for taken in watches]
    wall = [[watch.wall for watch in taken] for taken in watches]
    measure.reply(
        {
            "cpu": _shares(cpu),
            "wall": _shares(wall),
            "rate": statistics.median(share_of_products * taken[-1] / taken[0] for taken in cpu),
        }
    )


def _shares(seconds: list[list[float]]) -> dict[str, float]:
    """How fast scoring is, over the forward that hands logits out, and over the one that keeps the largest."""
    names = ("logits", "largest logit")
    return {
        name: statistics.median(taken[place] / taken[0] for taken in seconds) for place, name in enumerate(names, 1)
    }


if __name__ == "__main__":
    main()
