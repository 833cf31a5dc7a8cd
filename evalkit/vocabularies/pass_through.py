"""For features that are ids, or any numbers, already: encoding and decoding change nothing.

Decoding still stops after the first EOS, if there is one.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import Any, final

from evalkit.columns import Ragged
from evalkit.vocabularies.cleaning import cut_after_first
from evalkit.vocabularies.vocabulary import Vocabulary


@final
class PassThroughVocabulary(Vocabulary):
    """A vocabulary of `size` ids that leaves every value as it is.

    >>> PassThroughVocabulary(size=128, eos_id=1).decode([5, 6, 1, 0])
    [5, 6, 1]
    """

    def __init__(self, size: int, eos_id: Any | None = None) -> None:
        """Takes the number of ids, for models that size their embedding by it, and the id that ends a sequence."""
        self._size = size
        self._eos_id = eos_id
        super().__init__()

    @property
    def size(self) -> int:
        """The number of ids."""
        return self._size

    @property
    def eos_id(self) -> Any | None:
        """The id that ends a sequence, as it was given."""
        return self._eos_id

    @property
    def unk_id(self) -> None:
        """None: every value is known."""
        return None

    @property
    def _base_vocab_size(self) -> int:
        return self._size

    def _encode(self, s: Sequence[Any]) -> Sequence[Any]:
        return s

    def _decode(self, ids: Any) -> Any:
        return ids

    def _encode_tf(self, s: Any) -> Any:
        return s

    def _decode_tf(self, ids: Any) -> Any:
        return ids

    def _decode_batch(self, ids: Ragged) -> list[Any]:
        if ids.values.ndim != 1:
            return super()._decode_batch(ids)
        values, splits = ids if self._eos_id is None else cut_after_first(ids, self._eos_id)
        numbers = values.tolist()
        return [numbers[start:stop] for start, stop in itertools.pairwise(splits.tolist())]

    def _content(self) -> bytes:
        return repr((self._size, self._eos_id)).encode()

    def __str__(self) -> str:
        return f"PassThroughVocabulary(size={self._size}, eos_id={self._eos_id})"
