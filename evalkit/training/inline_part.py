"""What is evaluated, logged and found again as one, and what can be told of it before a model is asked.

An evaluator is one part, but of an `Evaluator` each task is: what one of them found stands in the ledger before the
next one is judged, and is not found again where the training was cut off between them.
"""

from __future__ import annotations

import contextlib
import dataclasses
from collections.abc import Mapping
from typing import Any, NamedTuple, final

from evalkit.data.content_hash import fingerprint
from evalkit.errors import FingerprintError
from evalkit.inference.model import Tree
from evalkit.metrics.counts import EvalCounts


class Part(NamedTuple):
    """An evaluator, or one task of an `Evaluator`.

    >>> print(Part("chat"), Part("glue", "cola"), Part("cola", "cola"), sep="; ")
    Evaluator 'chat'; Evaluator 'glue', task 'cola'; Evaluator 'cola'
    """

    evaluator: str
    task: str = ""

    def __str__(self) -> str:
        named = f"Evaluator {self.evaluator!r}"
        return named if self.task in ("", self.evaluator) else f"{named}, task {self.task!r}"


@final
@dataclasses.dataclass(frozen=True)
class Facts:
    """What is known of a part.

    Attributes:
      sizes: by task, how many examples there are; those that are known before it is run.
      fingerprint: of all that its results come from, but for the model; empty where that cannot be told.
    """

    sizes: Mapping[str, int] = dataclasses.field(default_factory=dict)
    fingerprint: str = ""

    def all_failed(self) -> dict[str, EvalCounts]:
        """The counts where nothing could be judged."""
        return {task: EvalCounts(size, failed=size) for task, size in self.sizes.items()}


class Snapshot(NamedTuple):
    """The parameters of a step.

    Attributes:
      step: how many updates they have seen.
      params: themselves; they are donated soon.
      digest: of their content; empty where it cannot be told.
    """

    step: int
    params: Tree
    digest: str = ""


def fingerprint_of(*parts: Any) -> str:
    """The fingerprint of all these together; empty where something cannot be seen into."""
    with contextlib.suppress(FingerprintError):
        return fingerprint(parts)
    return ""
