"""Examples that are there already, as rows or as columns."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, final

from evalkit import errors
from evalkit.data.content_hash import fingerprint
from evalkit.data.sources.field_type import FieldType, declared_features
from evalkit.data.sources.rows_source import RowsSource
from evalkit.data.sources.typed_column import TypedColumn
from evalkit.data.sources.typed_rows import columns_of_rows


@final
class InMemoryDataSource(RowsSource):
    """Rows or columns of Python values or arrays.

    All rows of a split have the same features, and a feature has one dtype and one rank in all of them; see
    `typed_column` for the dtypes. Lists of different lengths are fine; so are lists of lists, which give Tensors if
    every row is a rectangle and RaggedTensors if not.

        >>> source = InMemoryDataSource({"test": [{"question": "1+1", "answer": 2}, {"question": "2+2", "answer": 4}]})
        >>> source.num_input_examples("test"), [int(row["answer"]) for row in source.get_dataset("test", shuffle=False)]
        (2, [2, 4])
        >>> columns = InMemoryDataSource({"test": {"question": ["1+1", "2+2"], "answer": [2, 4]}})
        >>> columns.num_input_examples("test")
        2
    """

    def __init__(
        self,
        examples: Mapping[str, Iterable[Mapping[str, Any]] | Mapping[str, Sequence[Any]]],
        features: Mapping[str, Any] | None = None,
        caching_permitted: bool = True,
    ) -> None:
        """Takes the examples, without looking at their values yet; they are not copied.

        Args:
          examples: by split, rows (dictionaries with the same keys) or columns (one dictionary of sequences).
          features: dtype or `tf.TensorSpec` of the features that are wanted; None for all of the first row, with dtypes
            as found.
          caching_permitted: whether the examples may be written to an offline cache.

        Raises:
          ArgumentError: not a mapping from splits, columns of different lengths, or a declaration that is none.
        """
        if not isinstance(examples, Mapping):
            raise errors.ArgumentError(
                "examples maps split names to rows, such as {'test': [{'inputs': 'a'}]}; "
                f"found a {type(examples).__name__}."
            )
        self._examples = {
            split: dict(given) if isinstance(given, Mapping) else list(given) for split, given in examples.items()
        }
        self._features = declared_features(features)
        counts = {split: _num_rows(split, given) for split, given in self._examples.items()}
        super().__init__(examples, counts, caching_permitted)

    def list_shards(self, split: str) -> Sequence[str]:
        """One, under the name of the split.

        Raises:
          ArgumentError: there is no such split.
        """
        self.check_split(split)
        return [split]

    def read_columns(self, split: str) -> Mapping[str, TypedColumn]:
        """All rows of `split`, checked, by feature."""
        given = self._examples[split]

        def where(row: int) -> str:
            return f"Row {row} of split {split!r}"

        if isinstance(given, dict):
            missing = [name for name in self._features or () if name not in given]
            if missing:
                raise errors.SourceError(f"Split {split!r} has no column {missing[0]!r}; it has {', '.join(given)}.")
            fields = self._features or dict.fromkeys(given, FieldType())
            return {name: TypedColumn.of(name, given[name], field, where) for name, field in fields.items()}
        return columns_of_rows(given, self._features, where)

    def fingerprint(self, split: str) -> str:
        """A hash of the examples, as they are read.

        Raises:
          ArgumentError: there is no such split.
          SourceError: a row that does not fit the others.
        """
        self.check_split(split)
        columns = {name: (column.shape, column.arrays) for name, column in self.read_columns(split).items()}
        return fingerprint(("InMemoryDataSource", columns))

    def __repr__(self) -> str:
        return f"InMemoryDataSource({self._num_input_examples})"


def _num_rows(split: str, given: list[Any] | dict[str, Any]) -> int:
    if isinstance(given, list):
        return len(given)
    lengths = {name: len(column) for name, column in given.items()}
    if len(set(lengths.values())) > 1:
        raise errors.ArgumentError(f"The columns of split {split!r} have different lengths: {lengths}.")
    return next(iter(lengths.values()), 0)
