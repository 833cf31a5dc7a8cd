"""Files of `tf.train.Example` protos."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, ClassVar, final

import tensorflow as tf

from evalkit import errors
from evalkit.data.sources.file_patterns import FilePatterns
from evalkit.data.sources.files_source import FilesSource


@final
class TFExampleDataSource(FilesSource):
    """Examples as dictionaries of tensors, parsed from `tf.train.Example` protos in TFRecord files.

    A record that is cut off or damaged, or lacks a feature, ends the reading with an error; `named_read_errors` names
    the file and the record.

        >>> source = TFExampleDataSource({"train": "a.tfrecord"}, {"text": tf.io.FixedLenFeature([], tf.string)})
        >>> source.splits
        ('train',)
    """

    SHOWN: ClassVar[tuple[str, ...]] = ("feature_description", "reader_cls")

    def __init__(
        self,
        split_to_filepattern: Mapping[str, FilePatterns],
        feature_description: Mapping[str, Any],
        reader_cls: Callable[[tf.Tensor], tf.data.Dataset] = tf.data.TFRecordDataset,
        num_input_examples: Mapping[str, int] | None = None,
        caching_permitted: bool = True,
        file_shuffle_buffer_size: int | None = None,
        cycle_length: int = 16,
        block_length: int = 16,
        performs_internal_shuffling: bool = False,
    ) -> None:
        """Describes the source; no file is looked for yet.

        Args:
          split_to_filepattern: as for `FilesSource`, and so are those after `reader_cls`.
          feature_description: by feature, a `tf.io.FixedLenFeature`, `VarLenFeature` or `RaggedFeature`.
          reader_cls: opens the file of a path as a dataset of serialised protos; where its elements are tuples, the
            last component is the proto.
          num_input_examples: how many examples each split has, if known.
          caching_permitted: whether the examples may be written to an offline cache.
          file_shuffle_buffer_size: among how many files one is drawn when files are shuffled; None for all.
          cycle_length: how many files are read at the same time.
          block_length: how many examples are taken from one file before those of the next.
          performs_internal_shuffling: whether shuffled files are shuffled enough.

        Raises:
          ArgumentError: no feature is described, a split without a pattern, or a size below 1.
        """
        if not isinstance(feature_description, Mapping) or not feature_description:
            raise errors.ArgumentError(
                "feature_description maps feature names to tf.io.FixedLenFeature and the like, "
                f"found {feature_description!r}."
            )
        self.feature_description = feature_description
        self.reader_cls = reader_cls
        super().__init__(
            split_to_filepattern,
            num_input_examples=num_input_examples,
            caching_permitted=caching_permitted,
            file_shuffle_buffer_size=file_shuffle_buffer_size,
            cycle_length=cycle_length,
            block_length=block_length,
            performs_internal_shuffling=performs_internal_shuffling,
        )

    def parse_fn(self, *components: tf.Tensor) -> dict[str, Any]:
        """The features of one element of `reader_cls`, whose last component is the serialised proto."""
        parsed: dict[str, Any] = tf.io.parse_single_example(components[-1], self.feature_description)
        return parsed

    def read_file(self, path: tf.Tensor) -> tf.data.Dataset:
        """The examples of one file."""
        return self.reader_cls(path).map(self.parse_fn, num_parallel_calls=tf.data.AUTOTUNE)

    def _reading_arguments(self) -> Mapping[str, Any]:
        return {"feature_description": dict(self.feature_description), "reader_cls": self.reader_cls}

    def __str__(self) -> str:
        return (
            f"TFExampleDataSource(split_to_filepattern={self._split_to_filepattern}, "
            f"feature_description={self.feature_description})"
        )
