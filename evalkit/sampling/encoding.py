"""From text to ids and back, by any tokenizer that works in batches, with errors that say where it failed."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from typing import Any, final

import numpy as np

from evalkit.columns import Ragged
from evalkit.errors import ArgumentTypeError, RowError

_SHOWN = 40


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
          RowError: the tokenizer raised.
        """
        found = self._called("encode_batch", [text], f"the text {text[:_SHOWN]!r}")
        row = found.row(0) if isinstance(found, Ragged) else np.asarray(found[0])
        return tuple(row.tolist())

    def texts(self, rows: Ragged) -> tuple[str, ...]:
        """What each row of ids decodes to.

        Raises:
          RowError: the tokenizer raised.
        """
        given = rows if self._ragged else [rows.row(number).tolist() for number in range(rows.num_rows)]
        return tuple(self._called("decode_batch", given, f"{rows.num_rows} rows"))

    def text(self, ids: Sequence[int]) -> str:
        """What the ids of one answer decode to.

        Raises:
          RowError: the tokenizer raised.
        """
        return self.texts(Ragged.from_rows([list(ids)]))[0]

    @functools.cached_property
    def _ragged(self) -> bool:
        return isinstance(self._called("encode_batch", [""], "an empty text"), Ragged)

    def _called(self, method: str, argument: Any, what: str) -> Any:
        try:
            return getattr(self._encoding, method)(argument)
        except Exception as error:
            raise RowError(
                f"{type(self._encoding).__name__}.{method} of {what} raised {type(error).__name__}: {error}"
            ) from error
