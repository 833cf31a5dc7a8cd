"""What is counted while examples are cached.

For each output feature, how many examples have how many tokens, and how many have how many characters. These
frequencies are all that is kept: totals, maxima and percentiles follow from them exactly, and those of several pieces
are merged by adding them up, in any order.
"""

from __future__ import annotations

import collections
import itertools
from collections.abc import Iterable, Mapping
from typing import Any, final

import numpy as np

from evalkit.caching.example_columns import StoredColumns
from evalkit.columns import Array, Ragged
from evalkit.data.feature import Feature
from evalkit.errors import CacheError
from evalkit.vocabularies import Vocabulary

PERCENTILES = (50, 90, 95, 99)
TOKENS, CHARS = "tokens", "chars"

Frequencies = collections.Counter[int]


@final
class SplitStatistics:
    """The number of examples, and by feature and unit the frequencies of their lengths."""

    def __init__(self) -> None:
        self.num_examples = 0
        self._frequencies: dict[tuple[str, str], Frequencies] = {}

    def add(
        self, num_examples: int, columns: StoredColumns, features: Mapping[str, Feature], units: Iterable[str]
    ) -> None:
        """Counts a batch of examples.

        Args:
          num_examples: how many there are.
          columns: their features.
          features: the output features; those that the examples lack are passed over.
          units: what to count, of `TOKENS` and `CHARS`.
        """
        self.num_examples += num_examples
        for name, feature in features.items():
            for unit in units:
                counts = _COUNTERS[unit](columns[name], feature) if name in columns else None
                if counts is not None:
                    self._add(name, unit, dict(zip(*np.unique(counts, return_counts=True), strict=True)))

    def merge(self, other: SplitStatistics) -> None:
        """Adds what `other` counted."""
        self.num_examples += other.num_examples
        for (name, unit), frequencies in other._frequencies.items():
            self._add(name, unit, frequencies)

    def _add(self, name: str, unit: str, frequencies: Mapping[Any, Any]) -> None:
        known = self._frequencies.setdefault((name, unit), collections.Counter())
        known.update({int(length): int(times) for length, times in frequencies.items()})

    def summary(self, percentiles: Iterable[int] = PERCENTILES) -> dict[str, int]:
        """The content of a stats file, with seqio's names: "examples"; "<feature>_tokens" and "_max_tokens" without EOS
        and padding; the same of "chars"; and "<feature>_p90_tokens": 90 % of the examples have at most so many.
        """
        found = {"examples": self.num_examples}
        for (name, unit), frequencies in self._frequencies.items():
            found[f"{name}_{unit}"] = sum(length * times for length, times in frequencies.items())
            found[f"{name}_max_{unit}"] = max(frequencies)
            found.update({f"{name}_p{q}_{unit}": _percentile(frequencies, q) for q in percentiles})
        return found

    def to_json(self) -> dict[str, Any]:
        """Plain values, to be stored beside a piece."""
        frequencies = [
            [name, unit, sorted(frequencies.items())] for (name, unit), frequencies in self._frequencies.items()
        ]
        return {"examples": self.num_examples, "frequencies": frequencies}

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> SplitStatistics:
        """Reads what `to_json` gave.

        Raises:
          CacheError: the values are not those of statistics.
        """
        statistics = cls()
        try:
            statistics.num_examples = int(values["examples"])
            for name, unit, pairs in values["frequencies"]:
                statistics._add(str(name), str(unit), dict(pairs))
        except (KeyError, TypeError, ValueError) as error:
            raise CacheError(f"Not the statistics of a piece: {type(error).__name__}: {error}.") from error
        return statistics


def _percentile(frequencies: Frequencies, q: int) -> int:
    """The least length that at least `q` percent of the examples do not exceed."""
    lengths = sorted(frequencies)
    counts = itertools.accumulate(frequencies[length] for length in lengths)
    wanted = q * frequencies.total()
    return next(length for length, count in zip(lengths, counts, strict=True) if 100 * count >= wanted)


def _count_tokens(column: Ragged, feature: Feature) -> Array | None:
    """int64 `[examples]`: how many ids are neither EOS nor padding; None for what has no ids."""
    if column.values.dtype not in (np.int32, np.int64):
        return None
    special = [feature.vocabulary.eos_id, feature.vocabulary.pad_id]
    counted = ~np.isin(column.values, [id_ for id_ in special if id_ is not None])
    return np.diff(np.concatenate([[0], np.cumsum(counted)])[column.splits])


def _count_characters(column: Ragged, feature: Feature) -> Array | None:
    """int64 `[examples]`: the characters of texts, or of what tokens decode to; None for what is no text."""
    if column.values.dtype == np.object_:
        lengths = [_num_characters(text) for text in column.values]
        return np.diff(np.concatenate([[0], np.cumsum(lengths, dtype=np.int64)])[column.splits])
    if feature.rank != 1 or column.values.dtype not in (np.int32, np.int64):
        return None
    texts = _decoded(column, feature.vocabulary)
    return (
        np.array(list(map(_num_characters, texts)), np.int64) if texts and isinstance(texts[0], str | bytes) else None
    )


def _decoded(column: Ragged, vocabulary: Any) -> list[Any]:
    if isinstance(vocabulary, Vocabulary):
        return vocabulary.decode_batch(column)
    return [vocabulary.decode(column.row(index).tolist()) for index in range(column.num_rows)]


def _num_characters(text: str | bytes) -> int:
    return len(text if isinstance(text, str) else text.decode("utf-8", "replace"))


_COUNTERS = {TOKENS: _count_tokens, CHARS: _count_characters}
