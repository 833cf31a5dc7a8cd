"""What answers are generated to: prompts, and for a model with an encoder inputs.

>>> prompts = Prompts.of([[1, 5, 6], [1]])
>>> len(prompts), prompts.examples.tolist()
(2, [0, 1])
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import Any, NamedTuple, final

import numpy as np

from evalkit.columns import Array, Ragged
from evalkit.errors import ArgumentError, RowError
from evalkit.inference.model import Model
from evalkit.inference.spans import check_ids, slices

_EXAMPLES = 2**31


@final
@dataclasses.dataclass(frozen=True)
class Prompts:
    """Rows of tokens that are to be continued.

    Attributes:
      tokens: int32, the tokens of each prompt; an empty one is BOS.
      inputs: int32, what an encoder reads for each; None for a decoder-only model.
      examples: int64 `[prompts]`, the number of each prompt's example, from which its random draws come; None numbers
        them as they stand.

    Raises:
      RowError: there are not as many inputs or numbers as prompts, or a number is below 0 or above 2**31 - 1.
    """

    tokens: Ragged
    inputs: Ragged | None = None
    examples: Any = None

    def __post_init__(self) -> None:
        count = self.tokens.num_rows
        examples = np.arange(count) if self.examples is None else np.asarray(self.examples, np.int64)
        object.__setattr__(self, "examples", examples)
        found = {"examples": len(examples)} | ({} if self.inputs is None else {"inputs": self.inputs.num_rows})
        for name, number in found.items():
            if number != count:
                raise RowError(f"There must be as many {name} as prompts, {count}; found {number}.")
        wrong = np.flatnonzero((examples < 0) | (examples >= _EXAMPLES))
        if len(wrong):
            raise RowError(f"Prompt {wrong[0]} is of example {examples[wrong[0]]}; numbers lie in [0, 2**31).")

    @classmethod
    def of(
        cls, tokens: Sequence[Sequence[int]], inputs: Sequence[Sequence[int]] | None = None, examples: Any = None
    ) -> Prompts:
        """Prompts from sequences of ids."""
        return cls(Ragged.from_rows(tokens), None if inputs is None else Ragged.from_rows(inputs), examples)

    def __len__(self) -> int:
        return self.tokens.num_rows


class FittedPrompts(NamedTuple):
    """Prompts that a model can read.

    Attributes:
      prompts: none of them empty or too long.
      truncated: bool `[prompts]`, of which only the tail is left, or of whose inputs only the tail is.
    """

    prompts: Prompts
    truncated: Array


def fit_prompts(prompts: Prompts, model: Model, max_length: int, max_new_tokens: int) -> FittedPrompts:
    """Checks prompts, and leaves of each what the model has room for: its tail, where the question stands.

    Args:
      prompts: the prompts.
      model: that is to read them.
      max_length: how many tokens of a row the model can read: prompt and answer together, without the last one.
      max_new_tokens: for how many tokens there must be room behind a prompt.

    Raises:
      ArgumentError: `max_new_tokens` leaves no room for a prompt.
      RowError: an id is outside the vocabulary; a prompt is empty and the model has no BOS; or inputs are empty, or
        there are inputs and no encoder, or the other way about.
    """
    longest = max_length - max_new_tokens + 1  # the model never reads the last new token
    if longest < 1:
        raise ArgumentError(
            f"max_new_tokens = {max_new_tokens} leaves no room for a prompt: the model reads at most {max_length} "
            f"tokens of a row. Ask for at most {max_length}."
        )
    check_ids("tokens", prompts.tokens, model.vocab_size)
    tokens = _begun(prompts.tokens, model.bos_id)
    inputs, truncated = prompts.inputs, tokens.lengths > longest
    if (inputs is not None) != model.has_encoder:
        has, lack = ("inputs", "no encoder") if inputs is not None else ("no inputs", "an encoder to read them")
        raise RowError(f"The prompts have {has}, and the model has {lack}.")
    if inputs is not None:
        check_ids("inputs", inputs, model.vocab_size)
        if (inputs.lengths == 0).any():
            raise RowError(f"Prompt {int(np.argmin(inputs.lengths))} of {len(prompts)} has no inputs to encode.")
        truncated |= inputs.lengths > model.input_limit
        inputs = _tails(inputs, model.input_limit)
    return FittedPrompts(Prompts(_tails(tokens, longest), inputs, prompts.examples), truncated)


def _begun(tokens: Ragged, bos_id: int | None) -> Ragged:
    """`tokens` with BOS in each empty row."""
    empty = np.flatnonzero(tokens.lengths == 0)
    if not len(empty):
        return tokens
    if bos_id is None:
        raise RowError(
            f"Prompt {empty[0]} of {tokens.num_rows} is empty, and the model has no bos_id to begin with; "
            f"{len(empty)} prompts are empty. Begin them with a token."
        )
    values = np.insert(tokens.values, tokens.splits[empty], bos_id)
    return Ragged(values.astype(np.int32), tokens.splits + np.concatenate([[0], np.cumsum(tokens.lengths == 0)]))


def _tails(ragged: Ragged, longest: int) -> Ragged:
    lengths = ragged.lengths
    return slices(ragged, np.arange(ragged.num_rows), np.maximum(lengths - longest, 0), lengths)
