r"""Texts that end an answer, found in what tokens decode to.

A stop string may begin in the middle of one token and end in another, and the same text may come in other tokens than
its own. So it is looked for in the text.

    >>> stop = StopStrings(("\n\n", "Q:"), lambda ids: "".join("ab\nQ:"[i] for i in ids))
    >>> stop.first_end([0, 1, 3, 4, 0]), stop.cut("abQ:a")
    (4, 'ab')
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence
from typing import final

from evalkit.errors import ArgumentError

Decode = Callable[[Sequence[int]], str]


@final
@dataclasses.dataclass(frozen=True)
class StopStrings:
    """Stop strings, and how tokens become text.

    Attributes:
      strings: that end an answer; none are none.
      decode: from ids to text. What more tokens decode to begins as what fewer do, but for an unfinished character at
        the end; None where there is no text.

    Raises:
      ArgumentError: there are strings, and nothing that decodes.
    """

    strings: tuple[str, ...]
    decode: Decode | None = None

    def __post_init__(self) -> None:
        if self.strings and self.decode is None:
            raise ArgumentError(f"stop_strings {self.strings} are looked for in text: give decode_fn as well.")

    def first_end(self, tokens: Sequence[int], known: int = 0) -> int | None:
        """With how many tokens the text has one of the strings for the first time; None if it has none.

        Args:
          tokens: the ids.
          known: the first so many are known to have none.
        """
        if not self.strings or not self._has_one(tokens):
            return None
        return next(count for count in range(known, len(tokens) + 1) if self._has_one(tokens[:count]))

    def cut(self, text: str) -> str:
        """`text` up to the first of the strings."""
        places = [place for place in map(text.find, self.strings) if place >= 0]
        return text[: min(places)] if places else text

    def _has_one(self, tokens: Sequence[int]) -> bool:
        text = self.text(tokens)
        return any(string in text for string in self.strings)

    def text(self, tokens: Sequence[int]) -> str:
        """What `tokens` decode to."""
        return "" if self.decode is None else self.decode(tokens)
