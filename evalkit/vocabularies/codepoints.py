"""Texts as the numbers of their characters in Unicode, and back, many at once."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import Any

import numpy as np
import tensorflow as tf

from evalkit.columns import Ragged, offsets
from evalkit.vocabularies import python_encoding

LARGEST = 0x10FFFF
_SURROGATES = (0xD800, 0xDFFF)  # halves of a character in UTF-16, which stand for none by themselves
_REPLACEMENT = 0xFFFD  # what Unicode has for what is no character

# Of the code points that Unicode promises never to give a character to.
EOS = 0xE005
UNKNOWN = 0xE004


def of_texts(texts: Sequence[str | bytes]) -> Ragged:
    """The code points of many texts, int32; bytes are taken as UTF-8.

    >>> of_texts(["né", b"a"]).values.tolist()
    [110, 233, 97]
    """
    rows = [text if isinstance(text, str) else text.decode("utf-8") for text in texts]
    values = np.frombuffer("".join(rows).encode("utf-32-le", "surrogatepass"), "<i4")
    return Ragged(values.astype(np.int32, copy=False), offsets(np.fromiter(map(len, rows), np.int64, len(rows))))


def to_texts(rows: Ragged) -> list[str]:
    """The texts of many rows of code points; a number that is none becomes U+FFFD.

    >>> to_texts(Ragged.from_rows([[110, 233], [-1]]))
    ['né', '\ufffd']
    """
    values = rows.values
    first, last = _SURROGATES
    valid = (values >= 0) & (values <= LARGEST) & ((values < first) | (values > last))
    text = np.where(valid, values, _REPLACEMENT).astype("<u4").tobytes().decode("utf-32-le")
    return [text[start:stop] for start, stop in itertools.pairwise(rows.splits.tolist())]


def without(rows: Ragged, unwanted: Sequence[int]) -> Ragged:
    """The rows without these values."""
    kept = ~np.isin(rows.values, unwanted)
    return Ragged(rows.values[kept], offsets(kept)[rows.splits])


def of_tensor(vocabulary: python_encoding.Batched, strings: Any) -> Any:
    """int32 code points of a string tensor, with one more dimension; what is no UTF-8 becomes U+FFFD.

    Raises:
      FeatureError: not a string tensor, or one of unknown rank.
    """
    if not isinstance(strings, tf.RaggedTensor):
        strings = python_encoding.require_strings(vocabulary, strings)
    return tf.strings.unicode_decode(strings, "UTF-8")


def to_tensor(codepoints: Any) -> Any:
    """Strings `[...]` of code points `[..., length]`, dense or ragged, without padding."""
    return tf.strings.regex_replace(tf.strings.unicode_encode(tf.cast(codepoints, tf.int32), "UTF-8"), "\0", "")
