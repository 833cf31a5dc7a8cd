"""Text as Unicode code points: nothing to train, and no text out of vocabulary.

For encoders that embed by hashing, or decoders without a softmax over everything, since there are more than a million
ids. Names and ids are seqio's.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, final

import numpy as np

from evalkit.columns import Ragged
from evalkit.vocabularies import codepoints
from evalkit.vocabularies.cleaning import clean_ragged
from evalkit.vocabularies.vocabulary import Vocabulary


@final
class FullCodepointVocabulary(Vocabulary):
    """A character's id is its code point.

    Padding, 0, is U+0000, which texts therefore cannot hold; EOS is U+E005, which Unicode gives to no character.
    Decoding leaves both out, but for `decode_tf`, which keeps EOS, as seqio's does. `vocab_size` is seqio's too, one
    less than there are code points: nothing is meant by U+10FFFF.

        >>> vocabulary = FullCodepointVocabulary()
        >>> vocabulary.encode("né")
        [110, 233]
        >>> vocabulary.decode([110, 233, vocabulary.eos_id, 110])
        'né'
    """

    LARGEST_CODEPOINT = codepoints.LARGEST
    PAD_CODEPOINT = 0
    EOS_CODEPOINT = codepoints.EOS

    @property
    def eos_id(self) -> int:
        """The id that ends a sequence, U+E005."""
        return self.EOS_CODEPOINT

    @property
    def unk_id(self) -> None:
        """None: every character is known."""
        return None

    @property
    def _base_vocab_size(self) -> int:
        return self.LARGEST_CODEPOINT

    def _encode(self, s: str | bytes) -> list[int]:
        ids: list[int] = self._encode_batch([s]).values.tolist()
        return ids

    def _decode(self, ids: Sequence[int]) -> str:
        return self._decode_batch(Ragged.from_rows([ids], np.int64))[0]

    def _encode_tf(self, s: Any) -> Any:
        return codepoints.of_tensor(self, s)

    def _decode_tf(self, ids: Any) -> Any:
        return codepoints.to_tensor(ids)

    def _encode_batch(self, texts: Sequence[str | bytes]) -> Ragged:
        return codepoints.of_texts(texts)

    def _decode_batch(self, ids: Ragged) -> list[str]:
        rows = clean_ragged(ids, self._decodable_size, self.eos_id, self.unk_id)
        return codepoints.to_texts(codepoints.without(rows, [self.PAD_CODEPOINT, self.EOS_CODEPOINT]))

    def _content(self) -> bytes:
        return b"%d" % self.extra_ids
