"""Files of serialised records of any kind, decoded by a function."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, final

import tensorflow as tf

from evalkit import errors
from evalkit.data.sources.file_patterns import FilePatterns
from evalkit.data.sources.files_source import FilesSource


@final
class ProtoDataSource(FilesSource):
    """Examples decoded from records, one for each record.

    >>> source = ProtoDataSource({"train": "a.tfrecord"}, lambda record: {"x": tf.io.decode_raw(record, tf.uint8)})
    >>> print(source)
    ProtoDataSource({'train': 'a.tfrecord'})
    """

    def __init__(
        self,
        split_to_filepattern: Mapping[str, FilePatterns],
        decode_proto_fn: Callable[..., Any],
        reader_cls: Callable[[tf.Tensor], tf.data.Dataset] = tf.data.TFRecordDataset,
        num_input_examples: Mapping[str, int] | None = None,
        caching_permitted: bool = True,
        file_shuffle_buffer_size: int | None = None,
        cycle_length: int = 16,
        block_length: int = 16,
    ) -> None:
        """Describes the source; no file is looked for yet.

        Args:
          split_to_filepattern: as for `FilesSource`, and so are those after `reader_cls`.
          decode_proto_fn: from one element of `reader_cls` (a scalar string tensor, mostly) to features; it runs in the
            graph.
          reader_cls: opens the file of a path as a dataset of records.
          num_input_examples: how many examples each split has, if known.
          caching_permitted: whether the examples may be written to an offline cache.
          file_shuffle_buffer_size: among how many files one is drawn when files are shuffled; None for all.
          cycle_length: how many files are read at the same time.
          block_length: how many examples are taken from one file before those of the next.

        Raises:
          ArgumentError: a decoder that cannot be called, a split without a pattern, or a size below 1.
        """
        if not callable(decode_proto_fn):
            raise errors.ArgumentError(
                f"decode_proto_fn must be a function from a record to features, found {decode_proto_fn!r}."
            )
        self.decode_proto_fn = decode_proto_fn
        self.reader_cls = reader_cls
        super().__init__(
            split_to_filepattern,
            num_input_examples=num_input_examples,
            caching_permitted=caching_permitted,
            file_shuffle_buffer_size=file_shuffle_buffer_size,
            cycle_length=cycle_length,
            block_length=block_length,
        )

    def read_file(self, path: tf.Tensor) -> tf.data.Dataset:
        """The decoded records of one file."""
        return self.reader_cls(path).map(self.decode_proto_fn, num_parallel_calls=tf.data.AUTOTUNE)

    def _reading_arguments(self) -> Mapping[str, Any]:
        return {"decode_proto_fn": self.decode_proto_fn, "reader_cls": self.reader_cls}

    def __str__(self) -> str:
        return f"ProtoDataSource({self._split_to_filepattern})"
