"""From text to ids and back, by any tokenizer that works in batches, with errors that say where it failed."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from evalkit.columns import Ragged
from evalkit.errors import RowError
from evalkit.vocabularies.vocabulary import Vocabulary


def prompt_ids(encoding: Any, prompt: str | tuple[int, ...]) -> tuple[int, ...]:
    """The ids of a prompt; a text is encoded as it is, and nothing put before or behind it.

    Raises:
      RowError: the tokenizer raised, or there is none.
    """
    if not isinstance(prompt, str):
        return prompt
    if encoding is None:
        raise RowError(f"The prompt {prompt[:40]!r} is text, and the client has no encoding. Pass ids, or an encoding.")
    try:
        found = encoding.encode_batch([prompt])
    except Exception as error:
        what = f"{type(encoding).__name__}.encode_batch of the prompt {prompt[:40]!r}"
        raise RowError(f"{what} raised {type(error).__name__}: {error}") from error
    row = found.row(0) if isinstance(found, Ragged) else np.asarray(found[0])
    return tuple(row.tolist())


def texts_of(encoding: Any, answers: Ragged) -> tuple[str, ...]:
    """What answers decode to; tokenizers that are not evalkit's get lists of ids.

    Raises:
      RowError: the tokenizer raised.
    """
    rows: Ragged | list[list[int]] = answers
    if not isinstance(encoding, Vocabulary):
        rows = [answers.row(number).tolist() for number in range(answers.num_rows)]
    try:
        return tuple(encoding.decode_batch(rows))
    except Exception as error:
        what = f"{type(encoding).__name__}.decode_batch of {answers.num_rows} answers"
        raise RowError(f"{what} raised {type(error).__name__}: {error}") from error


def text_of(encoding: Any, ids: Sequence[int]) -> str:
    """What the ids of one answer decode to.

    Raises:
      RowError: the tokenizer raised.
    """
    return texts_of(encoding, Ragged.from_rows([list(ids)]))[0]
