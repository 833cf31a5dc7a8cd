"""A Flax model that is asked by many at a time: what is asked together is computed together.

    async with LiveModelClient(Engine(model), params, tokenizer) as client:
        responses = await asyncio.gather(*(client.sample(prompt, SamplingParams(32)) for prompt in prompts))

One thread of the client's own gathers requests, encodes, and decodes. Where the engine is called is for an executor to
say: by default it is that thread; a training loop that evaluates between its steps passes an executor whose calls it
makes itself, so that no other thread computes beside it.
"""

from __future__ import annotations

import asyncio
import functools
import hashlib
import threading
from concurrent.futures import Executor, ThreadPoolExecutor
from typing import Any, final

import jax

from evalkit.errors import ArgumentError, ArgumentTypeError, FingerprintError, SamplingError
from evalkit.inference.arguments import real_number, whole_number
from evalkit.inference.engine import Engine
from evalkit.inference.model import Tree
from evalkit.inference.parameter_digest import parameter_digest
from evalkit.inference.sampling import FORM, SamplingParams
from evalkit.sampling.client import Prompt, SampleRequest, SampleResponse, SamplingClient
from evalkit.sampling.encoding import Texts
from evalkit.sampling.live_batches import BatchingWork, LiveBatches
from evalkit.sampling.waiting import Waiting, WaitingRequests

_LONGEST_LINGER_S = 60.0


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
        if not 0 <= real_number("linger_s", linger_s) <= _LONGEST_LINGER_S:
            raise ArgumentError(f"linger_s must be from 0 to {_LONGEST_LINGER_S:g} seconds, found {linger_s}.")
        self._engine, self._params, self._fingerprint = engine, params, fingerprint
        texts = None if encoding is None else Texts(encoding)
        self._has_texts = texts is not None
        max_batch = whole_number("max_batch", max_batch)
        self._batches = LiveBatches(engine, params, texts, executor, max_batch)
        self._waiting = WaitingRequests(max_batch, linger_s)
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="evalkit-sampling")
        self._closing = threading.Lock()
        self._closed = False

    @property
    def work(self) -> BatchingWork:
        """How full the batches were so far."""
        return self._batches.work

    @functools.cached_property
    def identity(self) -> str:
        """See `SamplingClient`. The parameters are read once, on their devices."""
        if self._fingerprint is None:
            raise FingerprintError(
                "A LiveModelClient knows its parameters, and cannot tell of what code its model and its encoding are. "
                "Pass `fingerprint`, such as evalkit.data.fingerprint.fingerprint((engine.model, encoding))."
            )
        told = "live", self._fingerprint, parameter_digest(self._params), _surroundings(self._engine, self._params)
        return hashlib.sha256(repr(told).encode()).hexdigest()

    async def sample(self, prompt: Prompt, sampling: SamplingParams, *, example: int = 0) -> SampleResponse:
        """See `SamplingClient`. Of a prompt that leaves no room for `sampling.max_new_tokens`, the tail is read. For an
        encoder–decoder the prompt is what the encoder reads.
        """
        waiting = Waiting(SampleRequest(prompt, sampling, example))
        if sampling.stop_strings and not self._has_texts:
            raise ArgumentError(
                f"stop_strings {sampling.stop_strings} are looked for in text, and the client has no encoding. Pass "
                "`encoding` to LiveModelClient, or stop at ids (stop_ids)."
            )
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
        while batch := self._waiting.take():
            self._batches.answer(batch)


def _surroundings(engine: Engine, params: Tree) -> tuple[Any, ...]:
    """What changes answers beside the model and its parameters: the code, the settings of JAX, and the devices."""
    settings = ("jax_enable_x64", "jax_default_matmul_precision")
    placed = {device for leaf in jax.tree.leaves(params) if isinstance(leaf, jax.Array) for device in leaf.devices()}
    devices = list(placed or jax.devices() if engine.mesh is None else engine.mesh.devices.flat)
    return (
        FORM,
        jax.__version__,
        tuple(getattr(jax.config, name) for name in settings),
        jax.default_backend(),
        sorted({device.device_kind for device in devices}),
    )
