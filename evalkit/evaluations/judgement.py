"""What becomes of each answer: it is right, wrong, or something else, and the numbers of all of these are whole.

An answer has one verdict, the first of these that fits:

* `failed`: `clean` or `check` raised, or `clean` returned no text;
* `correct`: `check` holds;
* `truncated`: not right, and the model could not read all of the example, or ran out of tokens before there was an
  answer;
* `unparsed`: there was nothing left of the answer after cleaning;
* `wrong`.
"""

from __future__ import annotations

import collections
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple, Protocol

from absl import logging

from evalkit.errors import PostprocessError
from evalkit.evaluation.user_code import calling

VERDICTS = ("correct", "wrong", "unparsed", "truncated", "failed")


class Judge(Protocol):
    """An evaluation that judges texts."""

    @property
    def name(self) -> str:
        """Its name."""

    def clean(self, y_hat: str, /) -> str:
        """What of an answer is compared."""

    def check(self, y: str, y_hat: str, /) -> bool:
        """Whether it is right."""

    def score(self, ys: list[str], y_hats: list[str], /) -> float:
        """The score of all of them."""


class Judgement(NamedTuple):
    """The verdicts on all answers.

    Attributes:
      rows: of each answer `raw`, `y_hat`, `correct`, `verdict`, and of one that failed the `error`.
      score: of the answers that did not fail, times their share: an answer that failed adds nothing.
      counts: `total`, and how often each verdict was given; these add up to it.
    """

    rows: list[dict[str, Any]]
    score: float
    counts: dict[str, int]


def judge_answers(
    judge: Judge,
    expected: Mapping[int, str],
    answers: Sequence[str],
    truncated: Sequence[bool],
    unfinished: Sequence[bool] | None = None,
) -> Judgement:
    """Cleans, checks and scores.

    Args:
      judge: says how.
      expected: the right answers, by the numbers of their examples.
      answers: as the model gave them.
      truncated: of which examples the model has not read all.
      unfinished: which answers ran out of tokens; None where that cannot be.

    Raises:
      PostprocessError: `clean` or `check` raised for each example, or `score` raised.
    """
    rows: list[dict[str, Any]] = []
    failures: list[tuple[int, Exception]] = []
    endless = [False] * len(expected) if unfinished is None else unfinished
    for (index, y), raw, cut, no_end in zip(expected.items(), answers, truncated, endless, strict=True):
        row: dict[str, Any] = {"raw": raw, "y_hat": "", "correct": False}
        try:
            row["y_hat"] = judge.clean(raw)
            row["correct"] = bool(judge.check(y, row["y_hat"]))
            row["verdict"] = _verdict(row["correct"], cut, row["y_hat"], no_end)
        except Exception as error:  # noqa: BLE001 - one odd answer must not cost all others; it is counted and told
            row |= {"verdict": "failed", "error": f"{type(error).__name__}: {error}"}
            failures.append((index, error))
        rows.append(row)
    _tell(judge.name, failures, len(rows))
    good = [(y, row["y_hat"]) for y, row in zip(expected.values(), rows, strict=True) if row["verdict"] != "failed"]
    with calling(PostprocessError, lambda: f"Evaluation {judge.name!r}: score of {len(good)} answers"):
        score = float(judge.score([y for y, _ in good], [y_hat for _, y_hat in good]))
    return Judgement(rows, score * len(good) / len(rows), counts_of([row["verdict"] for row in rows], VERDICTS))


def counts_of(verdicts: Sequence[str], kinds: Sequence[str]) -> dict[str, int]:
    """How many there are in `total`, and of each kind.

    >>> counts_of(["wrong", "correct", "wrong"], ("correct", "wrong", "tied"))
    {'total': 3, 'correct': 1, 'wrong': 2, 'tied': 0}
    """
    found = collections.Counter(verdicts)
    return {"total": len(verdicts), **{kind: found[kind] for kind in kinds}}


def _verdict(correct: bool, truncated: bool, y_hat: str, unfinished: bool) -> str:
    if correct:
        return "correct"
    if truncated or (unfinished and not y_hat):
        return "truncated"
    return "wrong" if y_hat else "unparsed"


def _tell(name: str, failures: Sequence[tuple[int, Exception]], total: int) -> None:
    if not failures:
        return
    index, error = failures[0]
    first = f"example {index}: clean or check raised {type(error).__name__}: {error}"
    if len(failures) == total:
        raise PostprocessError(f"Evaluation {name!r}: all {total} answers cannot be judged. First, {first}.") from error
    logging.warning("Evaluation %r: %d of %d answers cannot be judged. First, %s.", name, len(failures), total, first)
