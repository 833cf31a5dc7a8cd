"""A Flax model that is asked by many at a time: what is asked together is computed together.

    async with LiveModelClient(Engine(model), params, tokenizer) as client:
        responses = await asyncio.gather(*(client.sample(prompt, SamplingParams(32)) for prompt in prompts))

One thread of the client's own gathers requests, encodes, and decodes. Where the engine is called is for an executor to
say: by default it is that thread; a training loop that evaluates between its steps passes an executor whose calls it
makes itself, so that no other thread computes beside it.
"""

from __future__ import annotations

import asyncio
import dataclasses
import functools
import hashlib
import threading
from concurrent.futures import Executor, ThreadPoolExecutor
from typing import Any, final

import jax

from evalkit.errors import ArgumentError, ArgumentTypeError, EvalkitError, FingerprintError, RowError, SamplingError
from evalkit.inference.arguments import whole_number
from evalkit.inference.engine import Engine
from evalkit.inference.generations import Generations
from evalkit.inference.model import Tree
from evalkit.inference.parameter_digest import parameter_digest
from evalkit.inference.prompts import Prompts
from evalkit.inference.sampling import SamplingParams
from evalkit.sampling.client import Prompt, SampledSequence, SampleRequest, SampleResponse, SamplingClient
from evalkit.sampling.encoding import Texts
from evalkit.sampling.waiting import Waiting, WaitingRequests

_LONGEST_LINGER_S = 60.0


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
    """

    max_batch: int
    batches: int = 0
    answers: int = 0
    new_tokens: int = 0
    slot_steps: int = 0

    @property
    def mean_fill(self) -> float:
        """The mean share of a batch that was used; 1 where there was none."""
        return self.answers / (self.batches * self.max_batch) if self.batches else 1.0

    @property
    def occupancy(self) -> float:
        """The share of decoding slots that generated a token, over all steps; 1 where there were none."""
        return self.new_tokens / self.slot_steps if self.slot_steps else 1.0


@final
class LiveModelClient(SamplingClient):
    """Samples from a model with given parameters, in batches."""

    def __init__(
        self,
        engine: Engine,
        params: Tree,
        encoding: Any = None,
        *,
        max_batch: int = 64,
        linger_s: float = 0.005,
        executor: Executor | None = None,
        fingerprint: str | None = None,
    ) -> None:
        """Takes the model; computes nothing yet.

        Args:
          engine: computes. Keep it for the next client: it holds what it compiled.
          params: the parameters. They must not be donated before the client is closed.
          encoding: a tokenizer with `encode_batch` and `decode_batch`, or a vocabulary of evalkit; None where prompts
            are ids and no text is wanted.
          max_batch: how many answers are computed at a time; a request for more of them is a batch of its own.
          linger_s: how many seconds a batch that is not full waits for one request more.
          executor: its `submit` gets each call of the engine and returns the future of it, whatever thread makes the
            call; None for the client's own thread. It is not shut down by the client.
          fingerprint: a text that changes when the model's functions or the tokenizer do, such as
            `evalkit.data.fingerprint.fingerprint((engine.model, encoding))`; `identity` needs it.

        Raises:
          ArgumentError: a number is out of range.
          ArgumentTypeError: something is of another type.
        """
        if not isinstance(engine, Engine):
            raise ArgumentTypeError(f"engine must be an Engine, found {type(engine).__name__}.")
        if executor is not None and not callable(getattr(executor, "submit", None)):
            raise ArgumentTypeError(f"executor must have `submit`, found {type(executor).__name__}.")
        if not 0 <= linger_s <= _LONGEST_LINGER_S:
            raise ArgumentError(f"linger_s must be from 0 to {_LONGEST_LINGER_S:g} seconds, found {linger_s}.")
        self._engine, self._params = engine, params
        self._texts = None if encoding is None else Texts(encoding)
        self._executor, self._fingerprint = executor, fingerprint
        self._work = BatchingWork(whole_number("max_batch", max_batch))
        self._waiting = WaitingRequests(self._work.max_batch, linger_s)
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="evalkit-sampling")
        self._closing = threading.Lock()
        self._closed = False

    @property
    def work(self) -> BatchingWork:
        """How full the batches were so far."""
        return dataclasses.replace(self._work)

    @functools.cached_property
    def identity(self) -> str:
        """See `SamplingClient`. The parameters are read once, on their devices."""
        if self._fingerprint is None:
            raise FingerprintError(
                "A LiveModelClient knows its parameters, and cannot tell of what code its model and its encoding are. "
                "Pass `fingerprint`, such as evalkit.data.fingerprint.fingerprint((engine.model, encoding))."
            )
        told = "live", self._fingerprint, parameter_digest(self._params), jax.default_backend(), _precision()
        return hashlib.sha256(repr(told).encode()).hexdigest()

    async def sample(self, prompt: Prompt, sampling: SamplingParams, *, example: int = 0) -> SampleResponse:
        """See `SamplingClient`. Of a prompt that leaves no room for `sampling.max_new_tokens`, the tail is read. For an
        encoder–decoder the prompt is what the encoder reads.
        """
        waiting = Waiting(SampleRequest.of(prompt, sampling, example))
        with self._closing:
            if self._closed:
                raise SamplingError("This LiveModelClient is closed; ask before `aclose`, or make another one.")
            if self._waiting.add(waiting):
                self._thread.submit(self._answer_all)
        return await asyncio.wrap_future(waiting.future)

    async def aclose(self) -> None:
        """See `SamplingClient`."""
        with self._closing:
            self._closed = True
        await asyncio.to_thread(self._thread.shutdown)

    def _answer_all(self) -> None:
        """Takes batches until nothing waits; nothing leaves it, since every error belongs to who asked."""
        while batch := self._waiting.take():
            known: list[tuple[Waiting, tuple[int, ...]]] = []
            for waiting in batch:
                try:
                    known.append((waiting, self._ids(waiting.request.prompt)))
                except EvalkitError as error:
                    waiting.future.set_exception(error)
            if known:
                self._answer(known)

    def _answer(self, batch: list[tuple[Waiting, tuple[int, ...]]]) -> None:
        """Answers requests of equal sampling parameters together; one that cannot be answered fails alone."""
        try:
            responses = self._responses(batch)
        except EvalkitError as error:
            if len(batch) == 1:
                batch[0][0].future.set_exception(error)
                return
            for part in (batch[: len(batch) // 2], batch[len(batch) // 2 :]):
                self._answer(part)
        except BaseException as cause:  # noqa: BLE001 - whoever asked is told, and the thread serves the others
            for waiting, _ in batch:
                failure = SamplingError(f"The engine raised {type(cause).__name__} on {len(batch)} prompts: {cause}")
                failure.__cause__ = cause
                waiting.future.set_exception(failure)
        else:
            for (waiting, _), response in zip(batch, responses, strict=True):
                waiting.future.set_result(response)

    def _responses(self, batch: list[tuple[Waiting, tuple[int, ...]]]) -> list[SampleResponse]:
        sampling, ids = batch[0][0].request.sampling, [row for _, row in batch]
        examples = [waiting.request.example for waiting, _ in batch]
        encoder = self._engine.model.has_encoder
        prompts = Prompts.of([()] * len(ids), ids, examples) if encoder else Prompts.of(ids, examples=examples)
        # Only stop strings need text while tokens are generated; else all answers are decoded at once.
        decode = self._texts.text if sampling.stop_strings and self._texts else None
        call = functools.partial(self._engine.generate, self._params, prompts, sampling, decode)
        found = call() if self._executor is None else self._executor.submit(call).result()
        self._work.batches += 1
        self._work.answers += len(found)
        self._work.new_tokens += found.work.new_tokens
        self._work.slot_steps += found.work.slot_steps
        texts = found.texts
        if texts is None and self._texts is not None:
            texts = self._texts.texts(found.answers)
        return responses_of(found, texts, list(map(len, ids)))

    def _ids(self, prompt: str | tuple[int, ...]) -> tuple[int, ...]:
        if not isinstance(prompt, str):
            return prompt
        if self._texts is None:
            raise RowError(
                f"The prompt {prompt[:40]!r} is text, and the client has no encoding. Pass ids, or an encoding."
            )
        return self._texts.ids(prompt)


def _precision() -> tuple[Any, ...]:
    """The settings of JAX that change what the same parameters compute."""
    names = ("jax_enable_x64", "jax_default_matmul_precision")
    return tuple(getattr(jax.config, name) for name in names)


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
