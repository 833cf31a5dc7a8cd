"""Text as its UTF-8 bytes: nothing to train, nothing to download, no text out of vocabulary.

Byte `b` is id `b + 3`; 0, 1 and 2 are padding, EOS and unknown. This is the vocabulary of ByT5 (Xue et al. 2022,
https://arxiv.org/abs/2105.13626) with seqio's class name and ids. Special ids, sentinels and anything out of range have
no text and vanish when decoding, as do bytes that are no UTF-8.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import Any, final

import numpy as np
import tensorflow as tf

from evalkit.columns import Ragged, offsets
from evalkit.vocabularies import python_encoding
from evalkit.vocabularies.cleaning import clean_ragged
from evalkit.vocabularies.vocabulary import Vocabulary

_SPECIAL = 3  # padding, EOS, unknown
_SIZE = _SPECIAL + 256


@final
class ByteVocabulary(Vocabulary):
    """UTF-8 bytes as ids 3 to 258.

    >>> vocabulary = ByteVocabulary()
    >>> vocabulary.encode("né")
    [113, 198, 172]
    >>> vocabulary.decode([113, 198, 172, 1, 113])
    'né'
    """

    def __init__(self, extra_ids: int = 0) -> None:
        """Reserves `extra_ids` sentinels after the bytes."""
        super().__init__(extra_ids=extra_ids)

    @property
    def eos_id(self) -> int:
        """The id that ends a sequence: 1."""
        return 1

    @property
    def unk_id(self) -> int:
        """The id of what is unknown, 2; no text is encoded to it."""
        return 2

    @property
    def _base_vocab_size(self) -> int:
        return _SIZE

    def _encode(self, s: str | bytes) -> list[int]:
        return [byte + _SPECIAL for byte in _as_bytes(s)]

    def _decode(self, ids: Sequence[int]) -> str:
        return bytes(int(i) - _SPECIAL for i in ids if _SPECIAL <= i < _SIZE).decode("utf-8", errors="ignore")

    def _encode_tf(self, s: Any) -> Any:
        if isinstance(s, tf.RaggedTensor):
            return s.with_flat_values(self._encode_tf(s.flat_values))
        s = python_encoding.require_strings(self, s)
        if s.shape.rank == 0:
            return tf.cast(tf.io.decode_raw(s, tf.uint8), tf.int32) + _SPECIAL
        single_bytes = tf.strings.bytes_split(s)
        codes = tf.reshape(tf.io.decode_raw(single_bytes.flat_values, tf.uint8), [-1])
        return single_bytes.with_flat_values(tf.cast(codes, tf.int32) + _SPECIAL)

    def _decode_tf(self, ids: Any) -> Any:
        texts = tf.constant([b""] * _SPECIAL + [bytes([byte]) for byte in range(256)])
        known = tf.where((ids >= _SPECIAL) & (ids < _SIZE), ids, tf.zeros_like(ids))
        joined = tf.strings.reduce_join(tf.gather(texts, known), axis=-1)
        return tf.strings.unicode_transcode(joined, "UTF-8", "UTF-8", errors="ignore")

    def _encode_batch(self, texts: Sequence[str | bytes]) -> Ragged:
        rows = [_as_bytes(text) for text in texts]
        values = np.frombuffer(b"".join(rows), np.uint8).astype(np.int32)
        values += _SPECIAL
        return Ragged(values, offsets(np.fromiter(map(len, rows), np.int64, len(rows))))

    def _decode_batch(self, ids: Ragged) -> list[str]:
        values, splits = clean_ragged(ids, _SIZE, self.eos_id, self.unk_id)
        has_text = values >= _SPECIAL
        blob = (values[has_text] - _SPECIAL).astype(np.uint8).tobytes()
        ends = offsets(has_text)[splits].tolist()
        if blob.isascii():
            text = blob.decode("ascii")
            return [text[start:stop] for start, stop in itertools.pairwise(ends)]
        return [blob[start:stop].decode("utf-8", errors="ignore") for start, stop in itertools.pairwise(ends)]

    def _content(self) -> bytes:
        return b"%d" % self.extra_ids


def _as_bytes(text: str | bytes) -> bytes:
    return text.encode("utf-8") if isinstance(text, str) else bytes(text)
