"""Decoding many rows of SentencePiece ids at once.

The text of a row is, nearly, the texts of its pieces end to end. Converting lists of ids for the library costs several
times the decoding itself, so the texts of all pieces are kept in a table, and a batch is put together in numpy: a few
passes over all tokens, no loop over each. What it cannot know is left to the library: rows with bytes that are not
ASCII (byte fallback: whether they are characters depends on the neighbours), and models with a denormaliser, with white
space as a suffix, or with a piece longer than `_WIDEST`.

The rules are those of `SentencePieceProcessor::Decode` (github.com/google/sentencepiece, sentencepiece_processor.cc):
the meta symbol U+2581 is a space; control pieces have no text; the unknown piece has the model's `unk_surface`; and
while there is no text yet, a meta symbol that begins a piece is dropped: from every piece if the model removes extra
white space, from the first one only if it just adds a dummy prefix.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, final

import numpy as np
from sentencepiece import sentencepiece_model_pb2

from evalkit.columns import Array, Ragged, offsets

_META = "▁"
_ROWS = 256  # decoded together: about what the second-level cache holds
_WIDEST = 128  # bytes; every token costs a copy of the longest piece's length
_schema: Any = sentencepiece_model_pb2  # its classes are made at import, out of sight of type checkers
_PieceType = _schema.ModelProto.SentencePiece


@final
class PieceTable:
    """The text of every piece of a model, as `words[id][:lengths[id]]`."""

    def __init__(self, model: Any, decode_rows: Callable[[list[list[int]]], list[str]]) -> None:
        """Takes a `ModelProto` that `representable` accepts, and the library's own decoding for the rest."""
        texts = [_text(model, piece) for piece in model.pieces]
        types = np.array([piece.type for piece in model.pieces])
        self._decode_rows = decode_rows
        self._lengths = np.array([len(text) for text in texts], np.int64)
        width = max(1, int(self._lengths.max()))
        self._words = np.array([text.ljust(width, b"\0") for text in texts], f"V{width}")
        self._is_foreign = np.array([_byte(piece) > 127 for piece in model.pieces])
        self._has_foreign = bool(self._is_foreign.any())
        drops_all = model.normalizer_spec.remove_extra_whitespaces
        drops_any = drops_all or model.normalizer_spec.add_dummy_prefix
        has_meta = np.array([piece.piece.startswith(_META) for piece in model.pieces])
        self._leads = has_meta & (types != _PieceType.CONTROL) & (types != _PieceType.UNKNOWN) & drops_any
        self._blank = self._lengths - (self._leads if drops_all else 0) == 0

    def decode(self, ids: Ragged) -> list[str]:
        """The text of every row; all ids are ids of the model."""
        texts: list[str] = []
        for start in range(0, ids.num_rows, _ROWS):
            splits = ids.splits[start : start + _ROWS + 1]
            values = ids.values[splits[0] : splits[-1]].astype(np.intp)  # what indexing wants; converted once
            texts += self._decode_some(Ragged(values, splits - splits[0]))
        return texts

    def _decode_some(self, ids: Ragged) -> list[str]:
        ends = offsets(self._lengths.take(ids.values))
        blob = self._join(ids.values, ends)
        starts = (ends[ids.splits[:-1]] + self._dropped(ids)).tolist()
        stops = ends[ids.splits[1:]].tolist()
        if blob.isascii():
            text = blob.decode("ascii")
            texts = [text[start:stop] for start, stop in zip(starts, stops, strict=True)]
        else:
            texts = [blob[start:stop].decode("utf-8") for start, stop in zip(starts, stops, strict=True)]
        if self._has_foreign:
            self._replace_foreign(ids, texts)
        return texts

    def _replace_foreign(self, ids: Ragged, texts: list[str]) -> None:
        """Lets the library decode the rows with bytes that are not ASCII."""
        foreign = np.flatnonzero(self._is_foreign.take(ids.values))
        rows = np.unique(np.searchsorted(ids.splits, foreign, side="right") - 1).tolist()
        for row, text in zip(rows, self._decode_rows([ids.row(row).tolist() for row in rows]), strict=True):
            texts[row] = text

    def _join(self, values: Array, ends: Array) -> bytes:
        """The texts of all tokens end to end.

        Every token copies a whole word, the padding after its text included, to where its text begins; the next token's
        word overwrites that padding. This needs words to be assigned in order, which numpy promises for repeated
        indices and does for overlapping words; `is_sound` checks that it does.
        """
        width = self._words.itemsize
        total = int(ends[-1])
        buffer = np.empty(total + width, np.uint8)
        overlapping = np.ndarray((total + 1,), self._words.dtype, buffer, strides=(1,))
        overlapping[ends[:-1]] = self._words.take(values)
        return buffer[:total].tobytes()

    def _dropped(self, ids: Ragged) -> Array:
        """int64 `[rows]`: how many leading spaces (meta symbols) of each row's text are not part of it."""
        dropped = np.zeros(ids.num_rows, np.int64)
        rows = np.flatnonzero(ids.lengths)
        first = ids.values[ids.splits[rows]]
        dropped[rows] = self._leads[first]
        blank = rows[self._blank[first]].tolist()
        if blank:
            values = [ids.row(row) for row in blank]
            splits = offsets(np.array([len(row) for row in values]))
            dropped[blank] = self._dropped_behind_blanks(Ragged(np.concatenate(values), splits))
        return dropped

    def _dropped_behind_blanks(self, ids: Ragged) -> Array:
        """The same for rows, none empty, that may begin with pieces that leave no text."""
        values, splits = ids
        shown = np.append(np.flatnonzero(~self._blank[values]), len(values))
        first_shown = shown[np.searchsorted(shown, splits[:-1])]
        leads = offsets(self._leads[values])
        dropped: Array = leads[np.minimum(first_shown + 1, splits[1:])] - leads[splits[:-1]]
        return dropped

    @property
    def is_sound(self) -> bool:
        """Whether the pieces of the whole vocabulary are joined as they should be; see `_join`."""
        every = np.arange(len(self._lengths))
        words = self._words.tolist()
        expected = b"".join(word[:length] for word, length in zip(words, self._lengths.tolist(), strict=True))
        return self._join(every, offsets(self._lengths)) == expected


def representable(model: Any) -> bool:
    """Whether a table decodes as the library does with this model."""
    return (
        not model.denormalizer_spec.precompiled_charsmap
        and not model.trainer_spec.treat_whitespace_as_suffix
        and 0 < max((len(_text(model, piece)) for piece in model.pieces), default=0) <= _WIDEST
    )


def _text(model: Any, piece: Any) -> bytes:
    """What a piece looks like in the middle of a text."""
    if piece.type == _PieceType.CONTROL:
        return b""
    if piece.type == _PieceType.UNKNOWN:
        return bytes(model.trainer_spec.unk_surface.encode())
    if piece.type == _PieceType.BYTE:
        byte = _byte(piece)
        return bytes([byte]) if byte < 128 else b""
    return bytes(piece.piece.replace(_META, " ").encode())


def _byte(piece: Any) -> int:
    """The byte that a byte piece `<0xNN>` stands for; -1 for other pieces."""
    return int(piece.piece[3:5], 16) if piece.type == _PieceType.BYTE else -1
