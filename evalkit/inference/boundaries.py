"""Context and continuation as one row of tokens: where does the continuation begin?

A tokenizer does not promise that the tokens of `context + continuation` begin with those of `context`: the last letters
of the one and the first of the other may become one token. Here both are encoded together, as a model saw such text in
training, and what is scored begins with the first token that is not the context's own. White space at the end of a
context is the continuation's: tokens begin with a space far more often than they end with one.

`encode_separately` encodes the two apart, for models that were trained on pieces, or to compare with who does so. The
two give different scores; keep results of the one apart from those of the other.

    >>> def letters(texts):
    ...     return Ragged.from_rows([[ord(letter) for letter in text] for text in texts])
    >>> pairs = encode_pairs(letters, [("is it ", "so?"), ("", "no")], bos_id=1)
    >>> bytes(pairs.rows.tokens.row(0).tolist()), pairs.rows.starts.tolist(), pairs.merged.tolist()
    (b'is it so?', [5, 1], [False, False])
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np

from evalkit.columns import Array, Ragged, offsets
from evalkit.errors import RowError
from evalkit.inference.spans import Rows

EncodeBatch = Callable[[Sequence[str]], Ragged]  # `encode_batch` of a vocabulary
Pairs = Sequence[tuple[str, str]]  # context and continuation


class EncodedPairs(NamedTuple):
    """Pairs of texts as rows, and what is to be known of them.

    Attributes:
      rows: one a pair; the continuation is the span.
      merged: bool `[pairs]`: the last token of the context is another one before this continuation, and is scored with
        it.
      unscored: bool `[pairs]`: there was neither context nor BOS, so the first token of the continuation has no score.
    """

    rows: Rows
    merged: Array
    unscored: Array


def encode_pairs(
    encode_batch: EncodeBatch, pairs: Pairs, *, bos_id: int | None = None, always_bos: bool = False
) -> EncodedPairs:
    """Encodes each context and continuation together.

    Args:
      encode_batch: `encode_batch` of a vocabulary; it may begin every row with BOS by itself. It sees each text once.
      pairs: `(context, continuation)`; the context may be empty.
      bos_id: what a row begins with that has no context.
      always_bos: whether every row begins with `bos_id`. No row ever begins with two.

    Raises:
      RowError: a continuation is empty, or has no token, or none that can be scored; the message names the pair.
    """
    pieces = _pieces(pairs)
    contexts = _encode_once(encode_batch, [context for context, _ in pieces])
    wholes = _encode_once(encode_batch, [context + continuation for context, continuation in pieces])
    starts = [common_length(context, whole) for context, whole in zip(contexts, wholes, strict=True)]
    merged = np.array([start < len(context) for start, context in zip(starts, contexts, strict=True)], bool)
    return _as_rows(wholes, starts, merged, bos_id, always_bos)


def encode_separately(
    encode_batch: EncodeBatch, pairs: Pairs, *, bos_id: int | None = None, always_bos: bool = False
) -> EncodedPairs:
    """Encodes each context and each continuation by itself, and puts them end to end; otherwise as `encode_pairs`."""
    pieces = _pieces(pairs)
    contexts = _encode_once(encode_batch, [context for context, _ in pieces])
    continuations = _encode_once(encode_batch, [continuation for _, continuation in pieces])
    if bos_id is not None:  # of an `encode_batch` that adds it to every text
        continuations = [ids[1:] if len(ids) and ids[0] == bos_id else ids for ids in continuations]
    wholes = [np.concatenate(pair) for pair in zip(contexts, continuations, strict=True)]
    starts = [len(context) for context in contexts]
    return _as_rows(wholes, starts, np.zeros(len(pieces), bool), bos_id, always_bos)


def common_length(first: Array, second: Array) -> int:
    """How many elements two arrays have in common at their beginnings.

    Example:
      >>> common_length(np.array([1, 2, 3]), np.array([1, 2, 4, 5]))
      2
    """
    shorter = min(len(first), len(second))
    different = first[:shorter] != second[:shorter]
    return int(np.argmax(different)) if different.any() else shorter


def _pieces(pairs: Pairs) -> list[tuple[str, str]]:
    """The pairs, white space at the end of a context moved to the continuation."""
    pieces = []
    for index, (context, continuation) in enumerate(pairs):
        if not continuation:
            raise RowError(f"Pair {index} of {len(pairs)} has an empty continuation; there is nothing to score.")
        stripped = context.rstrip()
        pieces.append((stripped, context[len(stripped) :] + continuation))
    return pieces


def _encode_once(encode_batch: EncodeBatch, texts: list[str]) -> list[Array]:
    """The ids of each text; texts that are equal are encoded once."""
    if not texts:
        return []
    numbers = {text: number for number, text in enumerate(dict.fromkeys(texts))}
    encoded = encode_batch(list(numbers))
    rows = [encoded.row(number).astype(np.int32, copy=False) for number in range(encoded.num_rows)]
    return [rows[numbers[text]] for text in texts]


def _as_rows(
    wholes: list[Array], starts: list[int], merged: Array, bos_id: int | None, always_bos: bool
) -> EncodedPairs:
    rows, begins, unscored = [], [], np.zeros(len(wholes), bool)
    for index, (whole, start) in enumerate(zip(wholes, starts, strict=True)):
        if start >= len(whole):
            raise RowError(f"Pair {index} of {len(wholes)}: its continuation has no token of its own.")
        if bos_id is not None and whole[0] != bos_id and (always_bos or start == 0):
            whole, start = np.concatenate([np.array([bos_id], np.int32), whole]), start + 1
        unscored[index] = start == 0 and whole[0] != bos_id
        if len(whole) == 1:
            raise RowError(
                f"Pair {index} of {len(wholes)} is one token without context, which no model can score; pass bos_id."
            )
        rows.append(whole)
        begins.append(max(start, 1))
    tokens = Ragged(np.concatenate([*rows, np.zeros(0, np.int32)]), offsets(np.array([len(row) for row in rows], int)))
    return EncodedPairs(Rows(tokens, np.array(begins, np.int64), tokens.lengths), merged, unscored)
