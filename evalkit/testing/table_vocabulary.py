"""A vocabulary that is a table, for tests in which ids are to be read by eye."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, final

from evalkit import errors
from evalkit.vocabularies import Vocabulary


@final
class TableVocabulary(Vocabulary):
    """Whole texts as ids, and back; nothing else can be encoded. Id 0 is padding, 1 ends a sequence.

    >>> vocabulary = TableVocabulary({"yes": [3], "not now": [4, 5]})
    >>> vocabulary.encode("not now"), vocabulary.decode([4, 5, 1, 0]), vocabulary.vocab_size
    ([4, 5], 'not now', 6)
    """

    def __init__(self, encode_dict: Mapping[str, Sequence[int]], vocab_size: int | None = None) -> None:
        """Takes the table.

        Args:
          encode_dict: the ids of each text.
          vocab_size: how many ids there are; None: as many as the table needs.
        """
        super().__init__()
        self._ids = {text: list(ids) for text, ids in encode_dict.items()}
        self._size = vocab_size

    @property
    def eos_id(self) -> int:
        """1."""
        return 1

    @property
    def unk_id(self) -> None:
        """None: what is not in the table is an error."""
        return None

    @property
    def _base_vocab_size(self) -> int:
        if self._size is not None:
            return self._size
        return max((each for ids in self._ids.values() for each in ids), default=self.eos_id) + 1

    def _encode(self, s: Any) -> Sequence[int]:
        if s not in self._ids:
            raise errors.FeatureError(f"The table has no text {s!r}; it has {', '.join(map(repr, self._ids))}.")
        return list(self._ids[s])

    def _decode(self, ids: Any) -> str:
        found = [each for each in ids if each not in (self.pad_id, self.eos_id)]
        for text, known in self._ids.items():
            if known == found:
                return text
        raise errors.FeatureError(f"The table has no text with the ids {found}; it has {self._ids}.")
