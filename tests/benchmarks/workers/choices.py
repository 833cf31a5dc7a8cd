"""500 questions with four choices each behind five solved ones: lm-eval on transformers beside `Engine.score`.

Both begin with the same texts and end with a score for each choice; reading the task and computing the accuracy is left
out. The scores go into a file, for the other side to be compared with.
"""

from __future__ import annotations

from tests.benchmarks import measure
from tests.benchmarks.language import evaluations


def main() -> None:
    asked = measure.request()
    measure.reply(evaluations.measured(asked, "scoring", asked["questions"]))


if __name__ == "__main__":
    main()
