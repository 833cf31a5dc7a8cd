"""What became of the examples of an evaluation, in numbers that leave nobody out.

An example is one of these, the first that fits:

* `failed`: it could not be judged: something raised;
* `correct`;
* `truncated`: not right, and the model did not see all of it, or ran out of tokens before there was an answer;
* `unparsed`: no answer was found in the output;
* `wrong`;
* `unjudged`: nothing says of this example whether it is right; BLEU and perplexity, for instance, are of all together.

    >>> EvalCounts.of(4, {"correct": 2, "wrong": 1, "tied": 1})
    EvalCounts(total=4, correct=2, wrong=1, unparsed=0, truncated=0, failed=0, unjudged=1)
"""

from __future__ import annotations

import dataclasses
import numbers
from collections.abc import Mapping
from typing import Any, Self, final

from evalkit.errors import ArgumentError, MetricError

_KINDS = ("correct", "wrong", "unparsed", "truncated", "failed")


@final
@dataclasses.dataclass(frozen=True)
class EvalCounts:
    """How many examples there were, and how many of each kind; these add up to `total`.

    Raises:
      ArgumentError: a number is negative, or they do not add up.
    """

    total: int
    correct: int = 0
    wrong: int = 0
    unparsed: int = 0
    truncated: int = 0
    failed: int = 0
    unjudged: int = 0

    def __post_init__(self) -> None:
        kinds = self.as_dict()
        total = kinds.pop("total")
        if min(kinds.values()) < 0 or sum(kinds.values()) != total:
            raise ArgumentError(f"Counts are at least 0 and add up to the total, {total}; found {kinds}.")

    @classmethod
    def of(cls, total: int, kinds: Mapping[str, Any]) -> Self:
        """Counts from a mapping that may hold other things; examples of which it says nothing are `unjudged`.

        Args:
          total: how many examples there were.
          kinds: `correct`, `wrong`, `unparsed`, `truncated` and `failed`, those that there are.

        Raises:
          MetricError: a number is negative or not whole, or together they are more than `total`.
        """
        found = {name: kinds[name] for name in _KINDS if name in kinds}
        for name, value in found.items():
            if not isinstance(value, numbers.Integral) or value < 0:
                raise MetricError(f"{name} is a number of examples, found {value!r}.")
        judged = sum(map(int, found.values()))
        if judged > total:
            raise MetricError(f"There are {total} examples, and counts of {judged}: {found}. An example has one kind.")
        return cls(total, **{name: int(value) for name, value in found.items()}, unjudged=total - judged)

    @classmethod
    def among(cls, total: int | None, values: Mapping[str, Any]) -> Self | None:
        """The counts that stand among the values of a metric; None if they do not tell what is right and wrong.

        Args:
          total: how many examples there were, if the values do not say so themselves; None: as many as they count.
          values: by name; whole numbers `correct` and `wrong` tell, beside them those that `of` takes.

        >>> EvalCounts.among(3, {"accuracy": 0.5, "correct": 1, "wrong": 1}).unjudged
        1
        >>> EvalCounts.among(None, {"correct": 1, "wrong": 1, "failed": 2}).total
        4
        >>> EvalCounts.among(3, {"correct": 0.5, "wrong": 0.5}) is None
        True
        """
        if not all(isinstance(values.get(name), numbers.Integral) for name in ("correct", "wrong")):
            return None
        try:
            counted = sum(values[name] for name in _KINDS if name in values) if total is None else total
            return cls.of(int(values.get("total", counted)), values)
        except (MetricError, TypeError, ValueError):  # numbers of something else under these names
            return None

    def __add__(self, other: EvalCounts) -> EvalCounts:
        """The counts of both together."""
        mine, others = self.as_dict(), other.as_dict()
        return EvalCounts(**{name: mine[name] + others[name] for name in mine})

    def as_dict(self) -> dict[str, int]:
        """The counts by name, `total` first."""
        return dataclasses.asdict(self)
