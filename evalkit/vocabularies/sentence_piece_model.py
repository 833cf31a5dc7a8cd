"""A SentencePiece model in memory: the library's processor, and the faster ways around its Python interface.

Models are kept by content, so that vocabularies of one model share it, and a file that has changed is read anew.
Loading happens under a lock, since it is not thread-safe in the library.
"""

from __future__ import annotations

import functools
import threading
from collections.abc import Sequence
from typing import Any, final

import numpy as np
import sentencepiece
import tensorflow as tf
from absl import logging
from sentencepiece import sentencepiece_model_pb2

from evalkit import errors
from evalkit.columns import Ragged, offsets
from evalkit.vocabularies.piece_table import PieceTable, representable

_schema: Any = sentencepiece_model_pb2  # its classes are made at import, out of sight of type checkers
_loading = threading.Lock()


@final
class Model:
    """A loaded model, complete with sentinels."""

    def __init__(self, proto: Any) -> None:
        """Takes a `ModelProto`; raises RuntimeError, the library's, if it cannot be used."""
        self.serialized: bytes = proto.SerializeToString()
        self.tokenizer: Any = sentencepiece.SentencePieceProcessor()
        self.tokenizer.LoadFromSerializedProto(self.serialized)

    @functools.cached_property
    def _table(self) -> PieceTable | None:
        """None where only the library can decode."""
        proto = _schema.ModelProto.FromString(self.serialized)
        if not representable(proto):
            return None
        table = PieceTable(proto, self._decode_rows)
        return table if table.is_sound else None

    def _decode_rows(self, rows: list[list[int]]) -> list[str]:
        return [str(self.tokenizer.DecodeIds(row)) for row in rows]

    def encode(self, texts: Sequence[str | bytes]) -> Ragged:
        """int32 ids of many texts."""
        if not hasattr(self.tokenizer, "EncodeAsNumpy"):  # before sentencepiece 0.2.3
            return Ragged.from_rows(self.tokenizer.encode(list(texts), out_type=int, num_threads=1))
        rows = self.tokenizer.EncodeAsNumpy(list(texts), num_threads=1) if texts else []
        splits = offsets(np.fromiter(map(len, rows), np.int64, len(rows)))
        return Ragged(np.concatenate([np.empty(0, np.int32), *rows], dtype=np.int32), splits)

    def decode(self, ids: Ragged) -> list[str]:
        """The texts of many rows of ids, all of them in range."""
        if self._table is not None:
            return self._table.decode(ids)
        return self._decode_rows([ids.row(index).tolist() for index in range(ids.num_rows)])


def load(path: str, extra_ids: int, normalizer_overrides: bytes | None, reverse_extra_ids: bool) -> Model:
    """Reads a model and appends sentinels.

    Raises:
      SourceError: the file cannot be read.
      DefinitionError: it is not a SentencePiece model.
    """
    try:
        with tf.io.gfile.GFile(path, "rb") as file:
            content = file.read()
    except tf.errors.OpError as error:
        raise errors.SourceError(
            f"The SentencePiece model {path!r} cannot be read: {error.message}. Is the path right, and is it readable?"
        ) from error
    with _loading:
        try:
            return _build(content, extra_ids, normalizer_overrides, reverse_extra_ids)
        except Exception as error:
            raise errors.DefinitionError(
                f"{path!r} ({len(content)} bytes) is not a usable SentencePiece model: {error}. "
                "Expected the `.model` file that SentencePiece's trainer writes."
            ) from error


@functools.lru_cache(maxsize=64)
def _build(content: bytes, extra_ids: int, normalizer_overrides: bytes | None, reverse_extra_ids: bool) -> Model:
    proto = _schema.ModelProto.FromString(content)
    numbers = range(extra_ids)
    for number in reversed(numbers) if reverse_extra_ids else numbers:
        user_defined = _schema.ModelProto.SentencePiece.USER_DEFINED
        proto.pieces.add(piece=f"▁<extra_id_{number}>", score=0.0, type=user_defined)
    if normalizer_overrides is not None:
        overrides = _schema.NormalizerSpec.FromString(normalizer_overrides)
        proto.normalizer_spec.MergeFrom(overrides)
        proto.denormalizer_spec.MergeFrom(overrides)
    model = Model(proto)
    if model.tokenizer.pad_id() != 0:
        logging.warning(
            "The SentencePiece model has padding id %d, while sequences are padded with 0, which is its piece %r.",
            model.tokenizer.pad_id(),
            model.tokenizer.id_to_piece(0),
        )
    return model
