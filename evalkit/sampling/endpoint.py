"""Any OpenAI-compatible endpoint as a sampling client, through the `openai` package.

    client = OpenAIClient("qwen3", base_url="http://localhost:8000/v1", api_key="none", extensions=("top_k",))

What fails in passing (429, 500, a body that is no JSON, no connection, no answer in time) is asked again after a pause.
What the endpoint refuses, and what it would do no better another time, is an error at once.
"""

from __future__ import annotations

import asyncio
import hashlib
from typing import Any, final

from evalkit.errors import ArgumentError, SamplingError, missing_extra
from evalkit.inference.arguments import real_number, whole_number
from evalkit.inference.sampling import SamplingParams
from evalkit.sampling.client import Prompt, SampleRequest, SampleResponse, SamplingClient
from evalkit.sampling.endpoint_answers import response_of
from evalkit.sampling.endpoint_failures import asked_pause_s, is_passing
from evalkit.sampling.endpoint_requests import FORM, Extension, RequestForm, TokenLimit
from evalkit.sampling.loop_thread import LoopThread
from evalkit.sampling.retrying import Retrying, TransientFailure

_SHOWN = 300


@final
class OpenAIClient(SamplingClient):
    """Samples from a model behind an endpoint."""

    def __init__(
        self,
        model: str,
        *,
        base_url: str | None = None,
        api_key: str | None = None,
        chat: bool = True,
        system: str | None = None,
        log_probs: bool = False,
        token_limit: TokenLimit = "max_completion_tokens",
        extensions: tuple[Extension, ...] = (),
        revision: str = "",
        max_concurrent: int = 32,
        timeout_s: float = 300.0,
        retrying: Retrying | None = None,
    ) -> None:
        """Takes the endpoint; asks nothing yet.

        Args:
          model: the name that the endpoint knows the model by.
          base_url: of the API; None for what `OPENAI_BASE_URL` says, or OpenAI's own.
          api_key: None for what `OPENAI_API_KEY` says. Servers that want none take any.
          chat: whether to use chat completions, each prompt the turn of a user; else completions, which also take ids.
          system: what each chat begins with.
          log_probs: whether to ask for log-probabilities. An answer from which a stop string had to be cut, since the
            server left it in, has none: nothing tells which of them belong to what is left.
          token_limit: under which name a chat is told `max_new_tokens`; older servers know "max_tokens" only.
          extensions: what the endpoint takes beyond OpenAI's API, such as "top_k" and "stop_token_ids" of vLLM.
          revision: any text; change it when the endpoint serves another model under the same name, since nothing else
            tells a response cache.
          max_concurrent: how many requests are under way at a time, those that pause included.
          timeout_s: how many seconds an attempt may take, until its whole answer is there.
          retrying: how often to ask and how long to pause; six attempts by default.

        Raises:
          ArgumentError: a value is out of range, or there is no API key, or the URL has no scheme or no host.
          ArgumentTypeError: a value is of another type.
          MissingExtraError: the `openai` package is not installed.
        """
        openai = _package()
        if real_number("timeout_s", timeout_s) <= 0:
            raise ArgumentError(f"timeout_s must be above 0, found {timeout_s}.")
        self._form = RequestForm(model, chat, system, log_probs, token_limit, extensions)
        self._retrying, self._timeout_s, self._revision = retrying or Retrying(), timeout_s, revision
        self._places = asyncio.Semaphore(whole_number("max_concurrent", max_concurrent))
        try:
            self._api = openai.AsyncOpenAI(base_url=base_url, api_key=api_key, timeout=timeout_s, max_retries=0)
        except Exception as error:
            raise ArgumentError(f"The endpoint of model {model!r} cannot be asked: {error}") from error
        url = self._api.base_url.copy_with(username=None, password=None)  # what is in messages is in logs
        if url.scheme not in ("http", "https") or not url.host:
            raise ArgumentError(f"base_url must begin with http:// or https:// and name a host, found '{url}'.")
        self._url = str(url)
        self._thread = LoopThread(f"evalkit-{model}", self._api.close)

    @property
    def identity(self) -> str:
        """See `SamplingClient`: endpoint, model, revision, and how it is asked."""
        told = "openai", FORM, self._url, self._revision, self._form
        return hashlib.sha256(repr(told).encode()).hexdigest()

    async def sample(self, prompt: Prompt, sampling: SamplingParams, *, example: int = 0) -> SampleResponse:
        """See `SamplingClient`. The seed that the endpoint gets comes of `sampling.seed` and `example`; whether it
        answers alike is its own affair.
        """
        arguments = self._form.arguments(SampleRequest(prompt, sampling, example))
        return await asyncio.wrap_future(self._thread.submit(self._asked(arguments, sampling)))

    async def aclose(self) -> None:
        """See `SamplingClient`."""
        await self._thread.aclose()

    async def _asked(self, arguments: dict[str, Any], sampling: SamplingParams) -> SampleResponse:
        async with self._places:
            what = f"Model {self._form.model!r} at {self._url}"
            return await self._retrying.run(lambda: self._attempt(arguments, sampling, what), what)

    async def _attempt(self, arguments: dict[str, Any], sampling: SamplingParams, what: str) -> SampleResponse:
        openai = _package()
        api: Any = self._api.chat.completions if self._form.chat else self._api.completions
        try:
            async with asyncio.timeout(self._timeout_s):  # also for a server that sends a byte now and then
                raw = await api.with_raw_response.create(**arguments)
        except openai.APIStatusError as error:
            told, headers = f"status {error.status_code}: {error.response.text[:_SHOWN]!r}", error.response.headers
            if is_passing(error.status_code, headers, (error.code, error.type)):
                raise TransientFailure(told, asked_pause_s(headers)) from error
            raise SamplingError(f"{what} refuses the request with {told}") from error
        except (TimeoutError, openai.APITimeoutError) as error:
            raise TransientFailure(f"no answer within {self._timeout_s:g} seconds") from error
        except openai.APIConnectionError as error:
            raise TransientFailure(f"no connection ({error.__cause__ or error!r})") from error
        try:
            return response_of(raw.text, sampling, chat=self._form.chat, log_probs=self._form.log_probs)
        except SamplingError as error:
            raise SamplingError(f"{what}: {error}") from error


def _package() -> Any:
    try:
        import openai  # noqa: PLC0415 - an extra, which takes a while to load
    except ImportError as error:
        raise missing_extra("openai", "openai", "OpenAIClient") from error
    return openai
