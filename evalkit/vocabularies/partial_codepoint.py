"""Text as some of the Unicode code points, numbered in the order in which they are given.

For models that write characters, where the size of the softmax matters. Names and ids are seqio's.
"""

from __future__ import annotations

import operator
from collections.abc import Sequence
from typing import Any, final

import numpy as np
import tensorflow as tf

from evalkit import errors
from evalkit.columns import Ragged
from evalkit.vocabularies import codepoints
from evalkit.vocabularies.cleaning import clean_ragged
from evalkit.vocabularies.vocabulary import Vocabulary


@final
class PartialCodepointVocabulary(Vocabulary):
    """Ids 0, 1 and 2 are padding, EOS and unknown; the code points follow, those given twice once.

    Every other character is unknown; what is unknown decodes to U+E004, which Unicode gives to no character. Padding
    and EOS have no text, but `decode_tf` keeps EOS as U+E005, as seqio's does.

        >>> vocabulary = PartialCodepointVocabulary([ord(character) for character in "ab"])
        >>> vocabulary.encode("abc")
        [3, 4, 2]
        >>> vocabulary.decode([4, 3, 1, 3])
        'ba'
    """

    PAD_CODEPOINT = 0
    EOS_CODEPOINT = codepoints.EOS
    UNK_CODEPOINT = codepoints.UNKNOWN
    PAD_ID = 0
    EOS_ID = 1
    UNK_ID = 2

    # The parameter has seqio's name, and hides the module's inside of the function.
    def __init__(self, codepoints: Sequence[int], extra_ids: int = 0) -> None:
        """Numbers the code points, and reserves `extra_ids` sentinels after them, which have no text.

        Raises:
          DefinitionError: one is not a code point.
        """
        super().__init__(extra_ids=extra_ids)
        special = (self.PAD_CODEPOINT, self.EOS_CODEPOINT, self.UNK_CODEPOINT)
        self._codepoints = tuple(dict.fromkeys([*special, *map(_checked, codepoints)]))
        self._by_id = np.array(self._codepoints, np.int32)
        self._ids = np.argsort(self._by_id).astype(np.int32)  # of the code points in ascending order
        self._ascending = self._by_id[self._ids]

    @classmethod
    def create_from_file(cls, vocab_file: str, extra_ids: int = 0) -> PartialCodepointVocabulary:
        """Reads the code points from a file, one decimal number a line.

        Raises:
          SourceError: the file cannot be read, or a line is not a number.
          DefinitionError: a number is not a code point.
        """
        try:
            with tf.io.gfile.GFile(vocab_file, "r") as file:
                return cls([_number(line, vocab_file, index) for index, line in enumerate(file, 1)], extra_ids)
        except (tf.errors.OpError, UnicodeDecodeError) as error:
            raise errors.SourceError(f"The code points cannot be read from {vocab_file!r}: {error}") from error

    @property
    def eos_id(self) -> int:
        """The id that ends a sequence: 1."""
        return self.EOS_ID

    @property
    def unk_id(self) -> int:
        """The id of every other character: 2."""
        return self.UNK_ID

    @property
    def _base_vocab_size(self) -> int:
        return len(self._codepoints)

    def _encode(self, s: str | bytes) -> list[int]:
        ids: list[int] = self._encode_batch([s]).values.tolist()
        return ids

    def _decode(self, ids: Sequence[int]) -> str:
        return self._decode_batch(Ragged.from_rows([ids], np.int64))[0]

    def _encode_tf(self, s: Any) -> Any:
        found = codepoints.of_tensor(self, s)
        flat = found.flat_values if isinstance(found, tf.RaggedTensor) else found
        places = tf.minimum(tf.searchsorted(self._ascending, flat), self._base_vocab_size - 1)
        known = tf.equal(tf.gather(self._ascending, places), flat)
        ids = tf.where(known, tf.gather(self._ids, places), self.UNK_ID)
        return found.with_flat_values(ids) if isinstance(found, tf.RaggedTensor) else ids

    def _decode_tf(self, ids: Any) -> Any:
        return codepoints.to_tensor(tf.gather(self._by_id, ids))

    def _encode_batch(self, texts: Sequence[str | bytes]) -> Ragged:
        values, splits = codepoints.of_texts(texts)
        places = np.minimum(np.searchsorted(self._ascending, values), self._base_vocab_size - 1)
        known = self._ascending[places] == values
        return Ragged(np.where(known, self._ids[places], np.int32(self.UNK_ID)), splits)

    def _decode_batch(self, ids: Ragged) -> list[str]:
        rows = clean_ragged(ids, self._decodable_size, self.eos_id, self.unk_id)
        values, splits = codepoints.without(rows, [self.PAD_ID, self.EOS_ID])
        return codepoints.to_texts(Ragged(self._by_id[values], splits))

    def _content(self) -> bytes:
        return f"{self.extra_ids}{self._codepoints}".encode()


def _checked(codepoint: Any) -> int:
    try:
        number = operator.index(codepoint)
    except TypeError:
        number = -1
    if not 0 <= number <= codepoints.LARGEST:
        raise errors.DefinitionError(
            f"{codepoint!r} is not a code point; expected an integer of 0 to {codepoints.LARGEST}, such as ord('a')."
        )
    return number


def _number(line: str, path: str, index: int) -> int:
    try:
        return int(line)
    except ValueError:
        raise errors.SourceError(
            f"{path}:{index}: {line.strip()!r} is not a number; expected one decimal code point a line."
        ) from None
