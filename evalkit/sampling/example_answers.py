"""The answers of a client to the examples of a dataset, many at a time."""

from __future__ import annotations

import asyncio
import dataclasses
import math
from collections.abc import Iterator
from typing import Any, NamedTuple, final

from absl import logging

from evalkit.errors import RowError, SamplingError
from evalkit.inference.sampling import SamplingParams
from evalkit.sampling.client import Prompt, SamplingClient


class ExampleAnswer(NamedTuple):
    """What is told of one example; for one that failed, what its error leaves.

    Attributes:
      output: text or ids.
      reason: why it ended; "error" if it failed.
      truncated: whether only the tail of the prompt was read.
      log_probs: of its tokens; None where they are not known.
      score: their sum; None where it is not known.
      error: what happened; empty if there is an answer.
    """

    output: Any
    reason: str
    truncated: bool = False
    log_probs: tuple[float, ...] | None = ()
    score: float | None = math.nan
    error: str = ""


@final
@dataclasses.dataclass(frozen=True)
class Asking:
    """How answers are asked for.

    Attributes:
      client: is asked.
      sampling: one answer, how long, and how it is chosen.
      as_text: whether outputs are texts, and not ids.
      counts: whether examples that fail are told as answers, and not raised.
      max_concurrent: how many examples are asked for at a time.
    """

    client: SamplingClient
    sampling: SamplingParams
    as_text: bool
    counts: bool
    max_concurrent: int

    async def answers(self, asked: list[tuple[int, Prompt]]) -> dict[int, ExampleAnswer]:
        """The answer to each index. The first failure that is not counted ends all.

        Raises:
          SamplingError: an answer does not have what outputs are to be; or one that is not counted.
          Exception: whatever the client raises, with the index as a note.
        """
        found: dict[int, ExampleAnswer] = {}

        async def work(waiting: Iterator[tuple[int, Prompt]]) -> None:
            for index, prompt in waiting:
                try:
                    found[index] = await self._answer(index, prompt)
                except Exception as error:
                    error.add_note(f"This was example {index} of {len(asked)} that an Evaluator asked for.")
                    raise

        waiting = iter(asked)
        try:
            async with asyncio.TaskGroup() as group:
                for _ in range(min(self.max_concurrent, len(asked))):
                    group.create_task(work(waiting))
        except ExceptionGroup as failures:
            raise failures.exceptions[0] from None
        failed = [index for index, answer in found.items() if answer.error]
        if failed:
            told = found[failed[0]].error
            logging.warning(
                "%d of %d examples failed; the first was example %d: %s", len(failed), len(asked), failed[0], told
            )
        return found

    async def _answer(self, index: int, prompt: Prompt) -> ExampleAnswer:
        try:
            response = await self.client.sample(prompt, self.sampling, example=index)
        except (SamplingError, RowError) as error:
            if not self.counts:
                raise
            return ExampleAnswer("" if self.as_text else [], "error", error=f"{type(error).__name__}: {error}")
        sequence = response.sequences[0]
        output = sequence.text if self.as_text else sequence.tokens
        if output is None:
            has, remedy = ("tokens", "no vocabulary") if self.as_text else ("text", "a vocabulary")
            raise SamplingError(f"The answer to example {index} has {has} only. Pass {remedy}.")
        return ExampleAnswer(
            output=output if self.as_text else list(output),
            reason=sequence.stop_reason,
            truncated=response.truncated,
            log_probs=sequence.log_probs,
            score=sequence.log_prob,
        )
