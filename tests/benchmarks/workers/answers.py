"""Greedy answers of 64 tokens to 200 prompts of mixed length: `generate` of transformers beside `Engine.generate`.

No token ends an answer, so that both generate equally many. The answers go into a file, for the other side to be
compared with.
"""

from __future__ import annotations

from tests.benchmarks import measure
from tests.benchmarks.language import evaluations


def main() -> None:
    asked = measure.request()
    measure.reply(evaluations.measured(asked, "generation", asked["prompts"]))


if __name__ == "__main__":
    main()
