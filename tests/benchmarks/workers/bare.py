"""Scoring whole documents beside the bare jitted forward on the same padded batches, and beside matrix products.

The three take turns, so that what else the machine does falls on all of them. The forward makes all logits and nothing
of them; `Engine.score` makes log-probabilities and the likeliest ids besides, and plans, pads and checks. CPU time.
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
    seconds: list[list[float]] = []
    for turn in range(asked["times"] + 1):
        taken = [measure.median_cpu(act, times=1) for act in acts]
        seconds += [taken] if turn else []  # the first one compiles
    measure.reply(
        {
            "share": statistics.median(bare / scoring for scoring, bare, _ in seconds),
            "rate": statistics.median(share_of_products * products / scoring for scoring, _, products in seconds),
            "seconds": seconds,
        }
    )


if __name__ == "__main__":
    main()
