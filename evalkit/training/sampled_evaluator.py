"""Evaluators that ask a sampling client: any `async (client) -> {name: number}`.

The function is called anew at each step, on a thread, with a client on the parameters of that step. What it asks is
computed where the model is asked for everything else; what it does with the answers is done beside it.
"""

from __future__ import annotations

import asyncio
import functools
import inspect
from collections.abc import Callable, Mapping
from typing import Any, ClassVar, final

import jax

from evalkit.errors import ArgumentError, MetricError
from evalkit.evaluation.user_code import calling
from evalkit.inference.model import Tree
from evalkit.inference.sampling import SamplingParams
from evalkit.metrics.counts import EvalCounts
from evalkit.sampling.client import Prompt, SampleResponse, SamplingClient
from evalkit.sampling.live import LiveModelClient
from evalkit.training.inline_evaluators import InlineEvaluator, Judge
from evalkit.training.inline_part import Facts, Part, fingerprint_of
from evalkit.training.inline_record import Finding, number_of
from evalkit.training.model_access import ModelAccess


@final
class SampledEvaluator(InlineEvaluator):
    """An async function of a client."""

    keeps_params: ClassVar[bool] = True

    def __init__(self, name: str, function: Callable[[SamplingClient], Any], model: ModelAccess) -> None:
        """Takes the function.

        Raises:
          ArgumentError: there is no engine, or there are several processes: what such a function asks cannot be
            foretold, and all processes would have to ask it together.
        """
        if jax.process_count() > 1:
            raise ArgumentError(
                f"Evaluator {name!r} asks a client as it goes on, which {jax.process_count()} processes cannot do "
                "together. Pass mode=ChildProcess(): there one process has all parameters."
            )
        self.part = Part(name)
        self.facts = Facts(fingerprint=fingerprint_of(function, model.encoding))
        self._name, self._function, self._calls = name, function, model.calls
        self._engine, self._encoding = model.engine_for(name), model.encoding
        # Where there is none, the client has no identity, which only caches need.
        self._fingerprint = fingerprint_of(self._engine.model, self._encoding) or None

    def ask(self, step: int, params: Tree) -> Judge:
        """See `InlineEvaluator`; the function is called by what this returns."""
        client = LiveModelClient(
            self._engine, params, self._encoding, executor=self._calls, fingerprint=self._fingerprint
        )
        return functools.partial(self._run, step, client)

    def close(self) -> None:
        """See `InlineEvaluator`: nothing is open."""

    def abandon(self) -> None:
        """See `InlineEvaluator`: it has no thread of its own."""

    def _run(self, step: int, live: LiveModelClient) -> Finding:
        return asyncio.run(self._found(step, live))

    async def _found(self, step: int, live: LiveModelClient) -> Finding:
        async with _Counted(live) as client:
            try:
                with calling(MetricError, lambda: f"{self.part} at step {step}"):
                    values = self._function(client)
                    if inspect.isawaitable(values):
                        values = await values
                by_task = self._by_task(values)
            except MetricError as error:
                return Finding(counts={self._name: EvalCounts(client.asked, failed=client.asked)}, failure=error)
        # What it asked says nothing of how many examples it judged: it may ask several times for each.
        told = {task: counts for task, of in by_task.items() if (counts := EvalCounts.among(None, of)) is not None}
        return Finding(by_task, told or {self._name: EvalCounts(client.asked, unjudged=client.asked)})

    def _by_task(self, values: Any) -> dict[str, dict[str, Any]]:
        if not isinstance(values, Mapping):
            raise MetricError(
                f"Evaluator {self._name!r} returned {type(values).__name__}; expected an async function that returns "
                "numbers by name."
            )
        by_task: dict[str, dict[str, Any]] = {}
        for key, value in values.items():
            if number_of(value) is None:
                raise MetricError(f"Evaluator {self._name!r} returned {value!r} as {key!r}; expected a number.")
            task, _, metric = str(key).rpartition("/")
            of_task = by_task.setdefault(task or self._name, {})
            if metric in of_task:
                raise MetricError(
                    f"Evaluator {self._name!r} returned metric {metric!r} of task {task or self._name!r} twice: a name "
                    "without a slash is of the task that is called as the evaluator. Rename one of them."
                )
            of_task[metric] = value
        return by_task


@final
class _Counted(SamplingClient):
    """Counts the prompts that a client is asked."""

    def __init__(self, client: SamplingClient) -> None:
        self._client = client
        self.asked = 0

    @property
    def identity(self) -> str:
        return self._client.identity

    async def sample(self, prompt: Prompt, sampling: SamplingParams, *, example: int = 0) -> SampleResponse:
        self.asked += 1
        return await self._client.sample(prompt, sampling, example=example)

    async def aclose(self) -> None:
        await self._client.aclose()
