"""How long examples are, how long the model lets them be, and a count of what is cut.

A score on inputs that were cut is a score of another task, so the Evaluator says what it cut, per task and feature.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any, final

import numpy as np
import tensorflow as tf

from evalkit.columns import Array, Columns
from evalkit.errors import ArgumentError
from evalkit.transforms.lengths import Length, trim_dataset

_LENGTH = "evalkit/length/"


@final
@dataclasses.dataclass(frozen=True)
class Truncation:
    """What a limit did to one feature of one task.

    Attributes:
      limit: the most elements that are kept.
      num_examples: how many examples the task has.
      num_truncated: how many were longer than the limit.
      longest: length of the longest example before it was cut, in elements (tokens).
      elements_lost: in all examples together.
    """

    limit: int
    num_examples: int
    num_truncated: int
    longest: int
    elements_lost: int

    def __str__(self) -> str:
        return (
            f"{self.num_truncated:,} of {self.num_examples:,} examples cut at {self.limit:,} "
            f"(longest {self.longest:,}; {self.elements_lost:,} elements lost)"
        )


def trim_recording_lengths(dataset: Any, sequence_length: Mapping[str, Length], features: Mapping[str, Any]) -> Any:
    """Cuts `features` to `sequence_length`, and notes the length before in a feature of its own (see
    `split_lengths`).
    """
    counted = [
        name
        for name in features
        if isinstance(sequence_length.get(name), int) and dataset.element_spec.get(name, tf.TensorSpec([])).shape.rank
    ]

    def record(example: dict[str, Any]) -> dict[str, Any]:
        return {**example, **{_LENGTH + name: tf.shape(example[name], tf.int64)[0] for name in counted}}

    recorded = dataset.map(tf.autograph.experimental.do_not_convert(record))
    return trim_dataset(recorded, sequence_length, features)


def split_lengths(
    columns: Columns, sequence_length: Mapping[str, Length]
) -> tuple[Columns, dict[str, Truncation], Array]:
    """The columns without the noted lengths, what these say of each feature, and which examples, bool `[n]`, were cut
    in any of them.
    """
    kept = {name: column for name, column in columns.items() if not name.startswith(_LENGTH)}
    report = {}
    cut = np.zeros(columns.num_examples, bool)
    for name, column in columns.items():
        feature = name.removeprefix(_LENGTH)
        limit = sequence_length.get(feature)
        if name.startswith(_LENGTH) and isinstance(limit, int):
            excess = np.maximum(column.values - limit, 0)
            cut |= excess > 0
            report[feature] = Truncation(
                limit, len(column), int((excess > 0).sum()), int(column.values.max()), int(excess.sum())
            )
    return Columns(kept, columns.num_examples), report, cut


def longest(
    columns: Mapping[str, Columns], features: Sequence[str], sequence_dims: Mapping[str, int]
) -> dict[str, int]:
    """The longest example of each feature over all tasks, in the feature's sequence dimension (default 0).

    Args:
      columns: by task.
      features: which every task must have.
      sequence_dims: by feature.

    Raises:
      ArgumentError: a task lacks one of the features.
    """
    for task, found in columns.items():
        missing = [name for name in features if name not in found]
        if missing:
            raise ArgumentError(
                f"Task {task!r} has no feature {missing[0]!r}; all tasks must have the same features: "
                f"{', '.join(features)}."
            )
    return {
        name: max(int(found[name].lengths(sequence_dims.get(name, 0)).max()) for found in columns.values())
        for name in features
        if all(found[name].shape for found in columns.values())
    }
