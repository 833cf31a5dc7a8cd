"""Files of any format that a function can read."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, final

import tensorflow as tf

from evalkit import errors
from evalkit.data.sources.file_patterns import FilePatterns
from evalkit.data.sources.files_source import FilesSource


@final
class FileDataSource(FilesSource):
    """Examples from files, read by a function that turns the path of a file into a dataset.

    >>> source = FileDataSource(tf.data.TextLineDataset, {"test": "data/test-*.txt"})
    >>> print(source)
    FileDataSource({'test': 'data/test-*.txt'})
    """

    def __init__(
        self,
        read_file_fn: Callable[[tf.Tensor], tf.data.Dataset],
        split_to_filepattern: Mapping[str, FilePatterns],
        num_input_examples: Mapping[str, int] | None = None,
        caching_permitted: bool = True,
        file_shuffle_buffer_size: int | None = None,
        cycle_length: int = 16,
        block_length: int = 16,
        performs_internal_shuffling: bool = False,
    ) -> None:
        """Describes the source; no file is looked for yet.

        Args:
          read_file_fn: the dataset of the file whose path it is given, a scalar string tensor; such as
            `tf.data.TFRecordDataset`. What it reads is passed on unchecked.
          split_to_filepattern: as for `FilesSource`, and so are the rest.
          num_input_examples: how many examples each split has, if known.
          caching_permitted: whether the examples may be written to an offline cache.
          file_shuffle_buffer_size: among how many files one is drawn when files are shuffled; None for all.
          cycle_length: how many files are read at the same time.
          block_length: how many examples are taken from one file before those of the next.
          performs_internal_shuffling: whether shuffled files are shuffled enough.

        Raises:
          ArgumentError: a reader that cannot be called, a split without a pattern, or a size below 1.
        """
        if not callable(read_file_fn):
            raise errors.ArgumentError(
                f"read_file_fn must be a function from a path to a tf.data.Dataset, found {read_file_fn!r}."
            )
        self._read_file_fn = read_file_fn
        super().__init__(
            split_to_filepattern,
            num_input_examples=num_input_examples,
            caching_permitted=caching_permitted,
            file_shuffle_buffer_size=file_shuffle_buffer_size,
            cycle_length=cycle_length,
            block_length=block_length,
            performs_internal_shuffling=performs_internal_shuffling,
        )

    def read_file(self, path: tf.Tensor) -> tf.data.Dataset:
        """What `read_file_fn` makes of one file."""
        return self._read_file_fn(path)

    def _reading_arguments(self) -> Mapping[str, Any]:
        return {"read_file_fn": self._read_file_fn}

    def __str__(self) -> str:
        return f"FileDataSource({self._split_to_filepattern})"
