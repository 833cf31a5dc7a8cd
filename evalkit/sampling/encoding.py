"""From text to ids and back, by any tokenizer that works in batches, with errors that say where it failed."""

from __future__ import annotations

import functools
import operator
from collections.abc import Callable, Sequence
from typing import Any, TypeVar, final

from evalkit.columns import Ragged
from evalkit.errors import ArgumentTypeError, RowError

_SHOWN = 40

T = TypeVar("T")


@final
class Texts:
    """A tokenizer, called in batches. One that encodes to `Ragged`, as evalkit's vocabularies do, is also given such
    rows to decode; others get lists of ids.
    """

    def __init__(self, encoding: Any) -> None:
        """Takes a tokenizer.

        Raises:
          ArgumentTypeError: it has no `encode_batch` or no `decode_batch`.
        """
        missing = [name for name in ("encode_batch", "decode_batch") if not callable(getattr(encoding, name, None))]
        if missing:
            raise ArgumentTypeError(f"encoding has no {' and no '.join(missing)}: found a {type(encoding).__name__}.")
        self._encoding = encoding

    def ids(self, text: str) -> tuple[int, ...]:
        """The ids of a text; nothing is put before or behind it.

        Raises:
          RowError: the tokenizer raised, or returned no row of ids.
        """
        return self._called("encode_batch", [text], f"the text {text[:_SHOWN]!r}", "rows of ids", _first_row)

    def texts(self, rows: Ragged) -> tuple[str, ...]:
        """What each row of ids decodes to.

        Raises:
          RowError: the tokenizer raised, or did not return as many texts.
        """
        count = rows.num_rows
        given = rows if self._ragged else [rows.row(number).tolist() for number in range(count)]
        return self._called(
            "decode_batch", given, f"{count} rows", "a text for each", functools.partial(_texts, count=count)
        )

    def text(self, ids: Sequence[int]) -> str:
        """What the ids of one answer decode to.

        Raises:
          RowError: the tokenizer raised, or returned no text.
        """
        return self.texts(Ragged.from_rows([list(ids)]))[0]

    @functools.cached_property
    def _ragged(self) -> bool:
        try:
            return isinstance(self._encoding.encode_batch([""]), Ragged)
        except Exception:  # noqa: BLE001 - a tokenizer may refuse an empty text, and is none of evalkit's then
            return False

    def _called(self, method: str, argument: Any, what: str, wanted: str, read: Callable[[Any], T]) -> T:
        call = f"{type(self._encoding).__name__}.{method}"
        try:
            found = getattr(self._encoding, method)(argument)
        except Exception as error:
            raise RowError(f"{call} of {what} raised {type(error).__name__}: {error}") from error
        try:
            return read(found)
        except Exception as error:
            raise RowError(
                f"{call} of {what} must return {wanted}, found {found!r:.{2 * _SHOWN}} ({type(found).__name__}). Pass "
                "one that does, such as a vocabulary of evalkit."
            ) from error


def _first_row(rows: Any) -> tuple[int, ...]:
    if isinstance(rows, Ragged):
        return tuple(rows.row(0).tolist())
    return tuple(map(operator.index, rows[0]))


def _texts(found: Any, count: int) -> tuple[str, ...]:
    texts = tuple(found)
    if len(texts) != count:
        raise ValueError(f"{len(texts)} texts of {count} rows")
    return texts
