"""Examples as columns: flat values and offsets in numpy, per-example views made when somebody asks for one.

Ten thousand examples held as ten thousand dictionaries of small arrays cost several times their payload, and a Python
loop wherever they are used. Here a feature of all examples is one `Column`: the values of every example end to end,
and where each begins. Text is the same with bytes for values. Nothing here knows TensorFlow or files;
`evalkit.evaluation` fills columns, keeps them in memory or on disk, and serves them as `tf.data`.

    >>> tokens = Column.from_arrays([np.array([3, 1], np.int32), np.array([7], np.int32)])
    >>> tokens[0].tolist(), tokens[1].tolist(), len(tokens)
    ([3, 1], [7], 2)
    >>> Column.from_texts(["to be", "or not"])[1]
    b'or not'
"""

from __future__ import annotations

import dataclasses
import itertools
import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple, final

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[Any]

_COLUMNS = "evalkit_columns"


class Ragged(NamedTuple):
    """Rows of different lengths: row `i` is `values[splits[i]:splits[i + 1]]`.

    `values` has shape `[total, ...]`, `splits` is int64 of shape `[rows + 1]`, begins at 0 and never decreases.
    """

    values: Array
    splits: Array

    @classmethod
    def from_rows(cls, rows: Sequence[Sequence[int]], dtype: npt.DTypeLike = np.int32) -> Ragged:
        """Flattens sequences of numbers; an empty row stays an empty row."""
        lengths = np.fromiter(map(len, rows), np.int64, len(rows))
        splits = offsets(lengths)
        values = np.fromiter(itertools.chain.from_iterable(rows), dtype, int(splits[-1]))
        return cls(values, splits)

    def row(self, index: int) -> Array:
        """Row `index`, a view of shape `[length, ...]`."""
        return self.values[self.splits[index] : self.splits[index + 1]]

    @property
    def num_rows(self) -> int:
        """How many rows there are (`len` is the number of fields, 2, as of any tuple)."""
        return len(self.splits) - 1

    @property
    def lengths(self) -> Array:
        """int64 `[rows]`: the length of each row."""
        return np.diff(self.splits)


def offsets(lengths: Array) -> Array:
    """int64 `[n + 1]`: where each of `n` consecutive runs begins, and last where they all end."""
    result = np.zeros(len(lengths) + 1, np.int64)
    np.cumsum(lengths, out=result[1:])
    return result


@final
@dataclasses.dataclass(frozen=True)
class Column:
    """One feature of all examples.

    Where every example has the same `shape`, a row may leave out the zeros at its end: padded features are mostly
    those.

    Attributes:
      values: `[total]`, the elements of every example end to end; for text, the uint8 bytes of every string.
      splits: int64 `[examples + 1]`, where each example's elements begin (in strings, for text).
      shape: the shape of one example; None where it differs between examples.
      shapes: int64 `[examples, rank]` where more than the first dimension differs or rank > 1 varies, else None.
      byte_splits: int64 `[strings + 1]`, where each string's bytes begin; None for numbers.
    """

    values: Array
    splits: Array
    shape: tuple[int | None, ...]
    shapes: Array | None = None
    byte_splits: Array | None = None

    @classmethod
    def from_arrays(cls, arrays: Sequence[Array]) -> Column:
        """Numbers, one array an example, all of one dtype and rank (at least one example)."""
        ranks = {array.ndim for array in arrays}
        if len(ranks) != 1:
            raise ValueError(f"The examples of a column must have one rank, found ranks {sorted(ranks)}.")
        sizes = np.fromiter((array.size for array in arrays), np.int64, len(arrays))
        values = np.concatenate([array.reshape(-1) for array in arrays])
        shapes = np.array([array.shape for array in arrays], np.int64).reshape(len(arrays), -1)
        shape = static_shape(shapes)
        varies_beyond_length = None in shape and len(shape) > 1
        return cls(values, offsets(sizes), shape, shapes if varies_beyond_length else None)

    @classmethod
    def from_texts(cls, texts: Sequence[str | bytes]) -> Column:
        """One string an example."""
        encoded = [text.encode() if isinstance(text, str) else bytes(text) for text in texts]
        byte_splits = offsets(np.fromiter(map(len, encoded), np.int64, len(encoded)))
        values = np.frombuffer(b"".join(encoded), np.uint8)
        return cls(values, np.arange(len(texts) + 1, dtype=np.int64), (), byte_splits=byte_splits)

    def __len__(self) -> int:
        return len(self.splits) - 1

    @property
    def is_text(self) -> bool:
        """Whether the elements are byte strings."""
        return self.byte_splits is not None

    @property
    def nbytes(self) -> int:
        """Bytes held: values and offsets."""
        parts = (self.values, self.splits, self.shapes, self.byte_splits)
        return sum(part.nbytes for part in parts if part is not None)

    @property
    def ragged(self) -> Ragged:
        """The elements of each example, flattened, as rows of numbers."""
        if self.is_text:
            raise TypeError("A text column has no numbers; use `strings`.")
        values = self.values.view()
        values.flags.writeable = False
        return Ragged(values, self.splits)

    def strings(self, start: int, stop: int) -> list[bytes]:
        """Strings number `start` to `stop` (of all strings, which for one string an example are the examples)."""
        if self.byte_splits is None:
            raise TypeError(f"A column of {self.values.dtype} has no strings.")
        ends = self.byte_splits[start : stop + 1].tolist()
        blob = self.values[ends[0] : ends[-1]].tobytes() if ends else b""
        base = ends[0] if ends else 0
        return [blob[a - base : b - base] for a, b in itertools.pairwise(ends)]

    def __getitem__(self, index: int) -> Any:
        """Example `index`: bytes for scalar text, an object array for text of rank > 0, else an array (0-d: a
        scalar).
        """
        if not 0 <= index < len(self):
            raise IndexError(f"Example {index} of {len(self)}.")
        start, stop = int(self.splits[index]), int(self.splits[index + 1])
        if self.is_text:
            strings = self.strings(start, stop)
            return np.array(strings, object).reshape(self.shape_of(index)) if self.shape else strings[0]
        values = self.values[start:stop]
        values.flags.writeable = False  # TensorFlow reads the same memory
        if not self.shape:
            return values[0]
        shape = self.shape_of(index)
        missing = math.prod(shape) - len(values)
        return (np.pad(values, (0, missing)) if missing else values).reshape(shape)

    def shape_of(self, index: int) -> tuple[int, ...]:
        """The shape of example `index`."""
        if self.shapes is not None:
            return tuple(self.shapes[index].tolist())
        if self.shape and self.shape[0] is None:
            return (int(self.splits[index + 1] - self.splits[index]),)
        return tuple(size for size in self.shape if size is not None)

    def lengths(self, dimension: int = 0) -> Array:
        """int64 `[examples]`: the size of one dimension of each example (rank > 0)."""
        if self.shapes is not None:
            return self.shapes[:, dimension]
        size = self.shape[dimension]
        return np.diff(self.splits) if size is None else np.full(len(self), size, np.int64)


def static_shape(shapes: Array) -> tuple[int | None, ...]:
    """The shape that all rows of `shapes` (`[examples, rank]`, at least one) share; None where they differ."""
    same = (shapes == shapes[0]).all(axis=0)
    return tuple(int(size) if fixed else None for size, fixed in zip(shapes[0], same, strict=True))


@final
class Columns(Mapping[str, Column]):
    """Columns of equally many examples, by feature name; `examples` reads them as a sequence of dictionaries."""

    def __init__(self, columns: Mapping[str, Column], num_examples: int | None = None) -> None:
        """Takes the columns; `num_examples` is needed only where there is no column to count in.

        Raises:
          ValueError: the columns do not have the same number of examples.
        """
        counts = {name: len(column) for name, column in columns.items()}
        if len(set(counts.values())) > 1:
            raise ValueError(f"The columns have different numbers of examples: {counts}.")
        self._columns = dict(columns)
        self.num_examples = next(iter(counts.values()), num_examples or 0)

    def __getitem__(self, name: str) -> Column:
        return self._columns[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._columns)

    def __len__(self) -> int:
        return len(self._columns)

    @property
    def nbytes(self) -> int:
        """Bytes held by all columns."""
        return sum(column.nbytes for column in self._columns.values())

    @property
    def examples(self) -> Examples:
        """The same examples as a sequence of dictionaries, each made when it is asked for."""
        return Examples(self)


@final
class Examples(Sequence[dict[str, Any]]):
    """A read-only sequence view of `Columns`: element `i` is `{feature: value of example i}`."""

    def __init__(self, columns: Columns) -> None:
        self._columns = columns

    def __len__(self) -> int:
        return self._columns.num_examples

    def __getitem__(self, index: Any) -> Any:
        if isinstance(index, slice):
            return [self[i] for i in range(*index.indices(len(self)))]
        position = index + len(self) if index < 0 else index
        if not 0 <= position < len(self):
            raise IndexError(f"Example {index} of {len(self)}.")
        return {name: column[position] for name, column in self._columns.items()}


def attach_columns(dataset: Any, columns: Columns) -> Any:
    """Marks `dataset` as a view of `columns`, and returns it.

    Who receives the dataset and wants all of it (a logger) may then read the columns, which is many times faster than
    iterating; a dataset derived from it (`map`, `take` …) does not carry the mark.
    """
    setattr(dataset, _COLUMNS, columns)
    return dataset


def columns_of(dataset: Any) -> Columns | None:
    """The columns that `dataset` is a view of, if it was made by `attach_columns`."""
    found: Columns | None = getattr(dataset, _COLUMNS, None)
    return found
