"""Texts as rows of tokens, by any tokenizer that works in batches.

Tokenizers are called without options, so what looks like a special token in a text is treated as each does by default.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from evalkit.columns import Array, Ragged
from evalkit.errors import RowError
from evalkit.evaluation.user_code import calling
from evalkit.inference.spans import Rows
from evalkit.vocabularies.vocabulary import Vocabulary


class TextRows(NamedTuple):
    """Texts as rows, all of each is to be scored.

    Attributes:
      rows: one for each text in which anything can be scored.
      kept: int64 `[rows]`, the number of each row's text.
    """

    rows: Rows
    kept: Array


def encoded(encoding: Any, texts: Sequence[str]) -> Ragged:
    """The ids of each text.

    Raises:
      RowError: the tokenizer raised.
    """
    with calling(RowError, lambda: f"{type(encoding).__name__}.encode_batch of {len(texts)} texts"):
        found = encoding.encode_batch(list(texts))
    return found if isinstance(found, Ragged) else Ragged.from_rows(found)


def decoded(encoding: Any, ids: Ragged) -> list[str]:
    """The text of each row; tokenizers that are not evalkit's get lists of ids.

    Raises:
      RowError: the tokenizer raised.
    """
    rows = ids if isinstance(encoding, Vocabulary) else [ids.row(number).tolist() for number in range(ids.num_rows)]
    with calling(RowError, lambda: f"{type(encoding).__name__}.decode_batch of {ids.num_rows} rows"):
        return list(encoding.decode_batch(rows))


def text_rows(ids: Ragged, bos_id: int | None) -> TextRows:
    """Whole texts as spans; each begins with `bos_id`, never with two. Without it the first token is not scored.

    Raises:
      RowError: no text has a token that can be scored.

    Example:
      >>> found = text_rows(Ragged.from_rows([[5, 6], [], [1, 7]]), bos_id=1)
      >>> found.rows.tokens.row(0).tolist(), found.rows.tokens.row(1).tolist(), found.kept.tolist()
      ([1, 5, 6], [1, 7], [0, 2])
    """
    rows, kept = [], []
    for number in range(ids.num_rows):
        row = ids.row(number).tolist()
        if bos_id is not None and row[:1] != [bos_id]:
            row = [bos_id, *row]
        if len(row) > 1:
            rows.append(row)
            kept.append(number)
    if not rows:
        raise RowError(f"None of {ids.num_rows} texts has a token that can be scored: they are empty, or one token.")
    return TextRows(Rows.of(rows, np.ones(len(rows), np.int64)), np.array(kept, np.int64))
