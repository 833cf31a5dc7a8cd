"""Requests are answered by an engine, a batch at a time, and each gets its own answer or its own error."""

from __future__ import annotations

import dataclasses
import functools
from concurrent.futures import Executor
from typing import NamedTuple, final

from evalkit.errors import EvalkitError, RowError, SamplingError
from evalkit.inference.engine import Engine
from evalkit.inference.generations import Generations
from evalkit.inference.model import Tree
from evalkit.inference.prompts import Prompts
from evalkit.sampling.client import Prompt, SampledSequence, SampleResponse
from evalkit.sampling.encoding import Texts
from evalkit.sampling.waiting import Waiting

_SHOWN = 40


@final
@dataclasses.dataclass
class BatchingWork:
    """How full the batches were.

    Attributes:
      max_batch: how many answers a batch may have.
      batches: how many were computed.
      answers: how many answers they had, all together.
      new_tokens: how many tokens were generated.
      slot_steps: decoding steps times slots, added up.
      failed_batches: how many were not, since the engine or the decoding of its answers raised.
    """

    max_batch: int
    batches: int = 0
    answers: int = 0
    new_tokens: int = 0
    slot_steps: int = 0
    failed_batches: int = 0

    @property
    def mean_fill(self) -> float:
        """The mean share of a batch that was used; 1 where there was none."""
        return self.answers / (self.batches * self.max_batch) if self.batches else 1.0

    @property
    def occupancy(self) -> float:
        """The share of decoding slots that generated a token, over all steps; 1 where there were none."""
        return self.new_tokens / self.slot_steps if self.slot_steps else 1.0


class _Known(NamedTuple):
    """A request whose prompt is known to be ids of the model."""

    waiting: Waiting
    ids: tuple[int, ...]


@final
class LiveBatches:
    """Answers requests of equal sampling parameters together. One thread at a time may call it."""

    def __init__(
        self, engine: Engine, params: Tree, texts: Texts | None, executor: Executor | None, max_batch: int
    ) -> None:
        """Computes nothing yet.

        Args:
          engine: computes.
          params: the parameters.
          texts: from text to ids and back; None where there are ids only.
          executor: makes the calls of the engine; None for the thread that calls `answer`.
          max_batch: how many answers a batch may have.
        """
        self._engine, self._params, self._texts, self._executor = engine, params, texts, executor
        self._work = BatchingWork(max_batch)

    @property
    def work(self) -> BatchingWork:
        """How full the batches were so far."""
        return dataclasses.replace(self._work)

    def answer(self, batch: list[Waiting]) -> None:
        """Sets the future of every request; raises nothing, since every error belongs to who asked."""
        known: list[_Known] = []
        for waiting in batch:
            try:
                known.append(_Known(waiting, self._ids(waiting.request.prompt)))
            except BaseException as error:  # noqa: BLE001 - whoever asked is told, and the others are answered
                waiting.future.set_exception(_failure(error, 1))
        if known:
            self._answer_known(known)

    def _answer_known(self, batch: list[_Known]) -> None:
        """A row that cannot be answered fails alone, which takes a search; whatever else is wrong is so for all."""
        try:
            responses = self._responses(batch)
        except BaseException as error:  # noqa: BLE001 - whoever asked is told, and the thread serves the others
            self._work.failed_batches += 1
            if isinstance(error, RowError) and len(batch) > 1:
                for part in (batch[: len(batch) // 2], batch[len(batch) // 2 :]):
                    self._answer_known(part)
            else:
                for known in batch:
                    known.waiting.future.set_exception(_failure(error, len(batch)))
        else:
            for known, response in zip(batch, responses, strict=True):
                known.waiting.future.set_result(response)

    def _responses(self, batch: list[_Known]) -> list[SampleResponse]:
        sampling, ids = batch[0].waiting.request.sampling, [known.ids for known in batch]
        examples = [known.waiting.request.example for known in batch]
        encoder = self._engine.model.has_encoder
        prompts = Prompts.of([()] * len(ids), ids, examples) if encoder else Prompts.of(ids, examples=examples)
        # Only stop strings need text while tokens are generated; else all answers are decoded at once.
        decode = self._texts.text if sampling.stop_strings and self._texts else None
        call = functools.partial(self._engine.generate, self._params, prompts, sampling, decode)
        found = call() if self._executor is None else self._executor.submit(call).result()
        texts = found.texts
        if texts is None and self._texts is not None:
            texts = self._texts.texts(found.answers)
        responses = responses_of(found, texts, list(map(len, ids)))
        self._work.batches += 1
        self._work.answers += len(found)
        self._work.new_tokens += found.work.new_tokens
        self._work.slot_steps += found.work.slot_steps
        return responses

    def _ids(self, prompt: Prompt) -> tuple[int, ...]:
        ids = tuple(prompt) if not isinstance(prompt, str) else self._encoded(prompt)
        size = self._engine.model.vocab_size
        wrong = next((place for place, token in enumerate(ids) if not 0 <= token < size), None)
        if wrong is not None:
            raise RowError(f"prompt[{wrong}] is {ids[wrong]}, and the ids of the model are 0 to {size - 1}.")
        return ids

    def _encoded(self, prompt: str) -> tuple[int, ...]:
        if self._texts is None:
            raise RowError(
                f"The prompt {prompt[:_SHOWN]!r} is text, and the client has no encoding. Pass ids, or an encoding."
            )
        return self._texts.ids(prompt)


def _failure(error: BaseException, prompts: int) -> Exception:
    """An exception for one of those who asked, which is no one else's."""
    if isinstance(error, EvalkitError):
        own: Exception = type(error).__new__(type(error), *error.args)  # whatever its constructor takes
        own.__dict__.update(error.__dict__)
    else:
        own = SamplingError(f"Answering raised {type(error).__name__} on {prompts} prompts: {error}")
    own.__cause__ = error
    return own


def responses_of(found: Generations, texts: tuple[str, ...] | None, prompt_tokens: list[int]) -> list[SampleResponse]:
    """What an engine generated as one response a prompt.

    Args:
      found: the answers.
      texts: of the answers; None where nothing decodes.
      prompt_tokens: how many tokens each prompt has.
    """
    answers = found.answers
    sequences = [
        SampledSequence(
            tokens=tuple(answers.row(row).tolist()),
            text=None if texts is None else texts[row],
            log_probs=tuple(found.log_probs.row(row).tolist()),
            stop_reason=found.finish_reasons[row],
        )
        for row in range(len(found))
    ]
    samples = found.num_samples
    return [
        SampleResponse(tuple(sequences[number * samples : (number + 1) * samples]), count, bool(truncated))
        for number, (count, truncated) in enumerate(zip(prompt_tokens, found.truncated, strict=True))
    ]
