"""Lines of text files.

Lines must be UTF-8. seqio passes any bytes on, and what a tokenizer then makes of them nobody knows; here a line that
is not UTF-8 stops the reading, with file and line number in the message. The check runs in the graph, on 256 lines at
a time, and costs about 1 µs a line (on single lines it would cost 30).
"""

from __future__ import annotations

import functools
from collections.abc import Mapping
from typing import Any, ClassVar, final

import tensorflow as tf

from evalkit import errors
from evalkit.data.sources.file_patterns import FilePatterns
from evalkit.data.sources.files_source import FilesSource

_LINES_A_CHECK = 256

# RE2 reads only well-formed UTF-8, but lets the halves of surrogate pairs (D800 to DFFF) pass, which are no characters.
_VALID = r"[\x{0}-\x{D7FF}\x{E000}-\x{10FFFF}]*"


@final
class TextLineDataSource(FilesSource):
    r"""Scalar string tensors, one for each line, without the newline.

    Bytes that are not UTF-8 end the reading with an error. Files in another encoding: convert them
    (`iconv -f LATIN1 -t UTF-8`), or read bytes as they are with `FileDataSource(tf.data.TextLineDataset, …)`.

        >>> print(TextLineDataSource({"train": ["a.tsv", "b.tsv"]}, skip_header_lines=1))
        TextLineDataSource({'train': ['a.tsv', 'b.tsv']})
    """

    SHOWN: ClassVar[tuple[str, ...]] = ("skip_header_lines",)

    def __init__(
        self,
        split_to_filepattern: Mapping[str, FilePatterns],
        skip_header_lines: int = 0,
        num_input_examples: Mapping[str, int] | None = None,
        caching_permitted: bool = True,
        file_shuffle_buffer_size: int | None = None,
        cycle_length: int = 16,
        block_length: int = 16,
    ) -> None:
        """Describes the source; no file is looked for yet.

        Args:
          split_to_filepattern: as for `FilesSource`, and so are the rest.
          skip_header_lines: how many lines at the beginning of each file are no examples; they are not checked.
          num_input_examples: how many lines each split has, if known.
          caching_permitted: whether the examples may be written to an offline cache.
          file_shuffle_buffer_size: among how many files one is drawn when files are shuffled; None for all.
          cycle_length: how many files are read at the same time.
          block_length: how many lines are taken from one file before those of the next.

        Raises:
          ArgumentError: a negative number of header lines, a split without a pattern, or a size below 1.
        """
        if skip_header_lines < 0:
            raise errors.ArgumentError(f"skip_header_lines must be at least 0, found {skip_header_lines}.")
        self.skip_header_lines = skip_header_lines
        super().__init__(
            split_to_filepattern,
            num_input_examples=num_input_examples,
            caching_permitted=caching_permitted,
            file_shuffle_buffer_size=file_shuffle_buffer_size,
            cycle_length=cycle_length,
            block_length=block_length,
        )

    def read_file(self, path: tf.Tensor) -> tf.data.Dataset:
        """The lines of one file after its header."""
        lines = tf.data.TextLineDataset(path).skip(self.skip_header_lines)
        check = functools.partial(_checked, path, self.skip_header_lines)
        return lines.batch(_LINES_A_CHECK).enumerate().map(check).unbatch()

    def _reading_arguments(self) -> Mapping[str, Any]:
        return {"skip_header_lines": self.skip_header_lines}

    def __str__(self) -> str:
        return f"TextLineDataSource({self._split_to_filepattern})"


def _checked(path: tf.Tensor, num_skipped: int, batch_index: tf.Tensor, lines: tf.Tensor) -> tf.Tensor:
    """`lines`, if all are UTF-8; counts lines from 1, as editors do."""
    valid = tf.strings.regex_full_match(lines, _VALID)
    first_bad = tf.argmin(tf.cast(valid, tf.int32))
    line = batch_index * _LINES_A_CHECK + first_bad + num_skipped + 1
    message = [
        tf.strings.join(
            ["line ", tf.strings.as_string(line), " of ", path, " is not UTF-8 (convert it: iconv -f LATIN1 -t UTF-8)"]
        )
    ]
    with tf.control_dependencies([tf.debugging.Assert(tf.reduce_all(valid), message)]):
        return tf.identity(lines)
