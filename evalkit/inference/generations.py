"""Answers, and what it took to generate them."""

from __future__ import annotations

import dataclasses
from typing import Literal, NamedTuple, final

import numpy as np

from evalkit.columns import Array, Ragged, offsets
from evalkit.inference.spans import slices

FinishReason = Literal["stop", "length"]


class Answer(NamedTuple):
    """One answer as it comes from the device: ids, their log-probabilities, and whether the last id is a stop id."""

    tokens: Array
    log_probs: Array
    stopped: bool


@final
@dataclasses.dataclass
class GenerationWork:
    """What was computed.

    Attributes:
      prompt_tokens: tokens of prompts and inputs that the model had to read.
      read_tokens: tokens that it did read, with padding and filler.
      new_tokens: tokens that were generated, those that stop included.
      steps: how often the model was asked for one token more.
      slot_steps: in how many slots: steps times slots, added up.
      refills: how often rows were admitted.
      pools: how many pools there were.
      compiles: how many functions were compiled.
    """

    prompt_tokens: int = 0
    read_tokens: int = 0
    new_tokens: int = 0
    steps: int = 0
    slot_steps: int = 0
    refills: int = 0
    pools: int = 0
    compiles: int = 0

    @property
    def occupancy(self) -> float:
        """The share of slots that generated a token, over all steps; 1 where there were none."""
        return self.new_tokens / self.slot_steps if self.slot_steps else 1.0


@final
@dataclasses.dataclass(frozen=True)
class Generations:
    """Answers in the order of their prompts, the samples of one prompt one after another.

    Attributes:
      tokens: int32, what was generated, with the token that ended it: a stop id, or one in whose text a stop string
        ends.
      log_probs: float32, of these tokens, as the model gives them: before temperature, top-k and top-p.
      answer_lengths: int64 `[answers]`: how many tokens each answer has without a stop id at its end.
      finish_reasons: "stop" if a stop id or a stop string ended the answer, "length" if there was no room for more.
      texts: what the answers decode to, up to a stop string; None where nothing decodes.
      truncated: bool `[prompts]`, of which prompts only the tail was read.
      num_samples: answers to each prompt.
      work: what was computed.
    """

    tokens: Ragged
    log_probs: Ragged
    answer_lengths: Array
    finish_reasons: tuple[FinishReason, ...]
    texts: tuple[str, ...] | None
    truncated: Array
    num_samples: int
    work: GenerationWork

    def __len__(self) -> int:
        return self.tokens.num_rows

    @property
    def answers(self) -> Ragged:
        """int32: the tokens without a stop id at the end."""
        count = len(self)
        return slices(self.tokens, np.arange(count), np.zeros(count, np.int64), self.answer_lengths)


def ragged(rows: list[Array], dtype: type) -> Ragged:
    """Arrays of one dimension as rows."""
    splits = offsets(np.fromiter(map(len, rows), np.int64, len(rows)))
    return Ragged(np.concatenate([np.zeros(0, dtype), *rows]).astype(dtype), splits)
