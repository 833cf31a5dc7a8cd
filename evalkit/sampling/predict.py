"""A sampling client as the functions that an Evaluator calls.

client = CachedClient(OpenAIClient("gpt-4.1-mini"), ResponseCache("responses.sqlite"))
evaluator.evaluate(step=0, predict_fn=predict_fn_of(client, SamplingParams(64), vocabulary))
"""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from typing import Any, Literal, TypeVar

from evalkit.errors import ArgumentError
from evalkit.inference.arguments import whole_number
from evalkit.inference.feature_prompts import FeaturePrompts, prompts_of_features
from evalkit.inference.sampling import SamplingParams
from evalkit.sampling.client import Prompt, SamplingClient
from evalkit.sampling.encoding import Texts
from evalkit.sampling.example_answers import Asking, ExampleAnswer
from evalkit.sampling.loop_thread import LoopThread

T = TypeVar("T")
Pairs = list[tuple[int, Any]]
Auxiliary = dict[str, list[Any]]
OnError = Literal["raise", "count"]


def predict_fn_of(
    client: SamplingClient, sampling: SamplingParams, vocabulary: Any = None, *, max_concurrent: int = 256
) -> Callable[[Any], Pairs]:
    """The Evaluator's `predict_fn`: one answer to each example.

    The function takes the features of the converters for encoder–decoders, language models and prefix language models.
    Draws depend on the index of an example, not on its place.

    Args:
      client: is asked; it stays open.
      sampling: one answer, how long, and how it is chosen.
      vocabulary: of the inputs. With it prompts are texts, the inputs decoded, and so are predictions; without it both
        are ids, which the client must have.
      max_concurrent: how many examples are asked for at a time.

    Returns:
      A function of an enumerated dataset, that returns pairs `(index, text or ids)`, by index. It raises what
      `client.sample` raises, with the index as a note; FeatureError where examples do not have such features; and
      SamplingError where an answer has no tokens and no vocabulary is given.

    Raises:
      ArgumentError: `sampling` asks for several answers, or a number is out of range.
      ArgumentTypeError: `vocabulary` neither encodes nor decodes.
    """
    predict = predict_with_aux_fn_of(client, sampling, vocabulary, max_concurrent=max_concurrent)
    return lambda dataset: predict(dataset)[0]


def predict_with_aux_fn_of(
    client: SamplingClient,
    sampling: SamplingParams,
    vocabulary: Any = None,
    *,
    max_concurrent: int = 256,
    on_error: OnError = "raise",
) -> Callable[[Any], tuple[Pairs, Auxiliary]]:
    """The Evaluator's `predict_with_aux_fn`: as `predict_fn_of`, and of each answer its `finish_reasons`, whether the
    prompt was `truncated`, and where the client knows them for all `log_probs` of its tokens and their sum `scores`.

    It may be the Evaluator's `predict_fn`, too: then examples whose prompt was cut, or that failed, count as such.

    Args:
      client: as for `predict_fn_of`.
      sampling: as for `predict_fn_of`.
      vocabulary: as for `predict_fn_of`.
      max_concurrent: as for `predict_fn_of`.
      on_error: what becomes of an example to which there is no answer, which is a SamplingError or a RowError, such as
        a prompt that an endpoint's filter refuses. "raise" ends the evaluation. "count" gives it an empty answer, the
        finish reason "error", no log-probabilities and NaN for their sum; `errors` says of each example what happened,
        "" if nothing did.

    Raises:
      ArgumentError: `sampling` asks for several answers, a number is out of range, or `on_error` is something else.
      ArgumentTypeError: `vocabulary` neither encodes nor decodes.
    """
    if sampling.num_samples != 1:
        raise ArgumentError(
            f"The Evaluator takes one answer to each example; num_samples is {sampling.num_samples}. For several, call "
            "`sample`."
        )
    if on_error not in ("raise", "count"):
        raise ArgumentError(f"on_error must be 'raise' or 'count', found {on_error!r}.")
    whole_number("max_concurrent", max_concurrent)
    texts = None if vocabulary is None else Texts(vocabulary)
    asking = Asking(client, sampling, texts is not None, on_error == "count", max_concurrent)

    def predict(dataset: Any) -> tuple[Pairs, Auxiliary]:
        examples = prompts_of_features(dataset)
        asked = list(zip(examples.indices, _prompts(examples, texts), strict=True))
        found = _completed(asking.answers(asked))
        ordered = sorted(found)
        pairs = [(index, found[index].output) for index in ordered]
        return pairs, _auxiliary([found[index] for index in ordered], on_error == "count")

    return predict


def _completed(coroutine: Coroutine[Any, Any, T]) -> T:
    """What a coroutine returns; an interrupt cancels it. It runs in a thread of its own, since the caller's may run an
    event loop already (notebooks do).
    """
    thread = LoopThread("evalkit-predict")
    running = thread.submit(coroutine)
    try:
        return running.result()
    finally:
        running.cancel()
        thread.close()


def _prompts(examples: FeaturePrompts, texts: Texts | None) -> list[Prompt]:
    """What each example asks: the encoder's inputs, or what the decoder begins with. As a text, that is without BOS,
    which converters put before it.
    """
    tokens, inputs = examples.prompts.tokens, examples.prompts.inputs
    rows = tokens if inputs is None else inputs
    ids = [tuple(rows.row(number).tolist()) for number in range(rows.num_rows)]
    if texts is None:
        return list(ids)
    return [texts.text(row[1:] if inputs is None else row) for row in ids]


def _auxiliary(answers: list[ExampleAnswer], counts: bool) -> Auxiliary:
    auxiliary: Auxiliary = {
        "finish_reasons": [answer.reason for answer in answers],
        "truncated": [answer.truncated for answer in answers],
    }
    if all(answer.log_probs is not None for answer in answers):
        auxiliary["log_probs"] = [list(answer.log_probs or ()) for answer in answers]
        auxiliary["scores"] = [answer.score for answer in answers]
    if counts:
        auxiliary["errors"] = [answer.error for answer in answers]
    return auxiliary
