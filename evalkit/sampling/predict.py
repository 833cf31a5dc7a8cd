"""A sampling client as the functions that an Evaluator calls.

client = CachedClient(OpenAIClient("gpt-5-mini"), ResponseCache("responses.sqlite"))
evaluator.evaluate(step=0, predict_fn=predict_fn_of(client, SamplingParams(64), vocabulary))
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from evalkit.errors import ArgumentError, SamplingError
from evalkit.inference.arguments import whole_number
from evalkit.inference.feature_prompts import FeaturePrompts, prompts_of_features
from evalkit.inference.sampling import SamplingParams
from evalkit.sampling.client import Prompt, SampledSequence, SamplingClient
from evalkit.sampling.encoding import Texts

Pairs = list[tuple[int, Any]]
Auxiliary = dict[str, list[Any]]


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
    client: SamplingClient, sampling: SamplingParams, vocabulary: Any = None, *, max_concurrent: int = 256
) -> Callable[[Any], tuple[Pairs, Auxiliary]]:
    """The Evaluator's `predict_with_aux_fn`: as `predict_fn_of`, and of each answer its `finish_reasons`, and where the
    client knows them for all `log_probs` of its tokens and their sum `scores`.

    Raises:
      ArgumentError: `sampling` asks for several answers, or a number is out of range.
      ArgumentTypeError: `vocabulary` neither encodes nor decodes.
    """
    if sampling.num_samples != 1:
        raise ArgumentError(
            f"The Evaluator takes one answer to each example; num_samples is {sampling.num_samples}. For several, call "
            "`sample`."
        )
    whole_number("max_concurrent", max_concurrent)
    texts = None if vocabulary is None else Texts(vocabulary)

    def predict(dataset: Any) -> tuple[Pairs, Auxiliary]:
        examples = prompts_of_features(dataset)
        asked = list(zip(examples.indices, _prompts(examples, texts), strict=True))
        # In a thread of its own, since the caller's may run an event loop already (notebooks do).
        with ThreadPoolExecutor(1, thread_name_prefix="evalkit-predict") as thread:
            found = thread.submit(asyncio.run, _answers(client, sampling, asked, max_concurrent)).result()
        ordered = sorted(found)
        pairs = [(index, _output(index, found[index], texts is not None)) for index in ordered]
        return pairs, _auxiliary([found[index] for index in ordered])

    return predict


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


async def _answers(
    client: SamplingClient, sampling: SamplingParams, asked: list[tuple[int, Prompt]], max_concurrent: int
) -> dict[int, SampledSequence]:
    """The answer to each index. The first failure ends all."""
    found: dict[int, SampledSequence] = {}

    async def work(waiting: Iterator[tuple[int, Prompt]]) -> None:
        for index, prompt in waiting:
            try:
                found[index] = (await client.sample(prompt, sampling, example=index)).sequences[0]
            except Exception as error:
                error.add_note(f"This was example {index} of {len(asked)} that an Evaluator asked for.")
                raise

    waiting = iter(asked)
    try:
        async with asyncio.TaskGroup() as group:
            for _ in range(min(max_concurrent, len(asked))):
                group.create_task(work(waiting))
    except ExceptionGroup as failures:
        raise failures.exceptions[0] from None
    return found


def _output(index: int, sequence: SampledSequence, as_text: bool) -> Any:
    output = sequence.text if as_text else sequence.tokens
    if output is None:
        has, remedy = ("tokens", "no vocabulary") if as_text else ("text", "a vocabulary")
        raise SamplingError(f"The answer to example {index} has {has} only. Pass {remedy}.")
    return output if as_text else list(output)


def _auxiliary(sequences: list[SampledSequence]) -> Auxiliary:
    auxiliary: Auxiliary = {"finish_reasons": [sequence.stop_reason for sequence in sequences]}
    if all(sequence.log_probs is not None for sequence in sequences):
        auxiliary["log_probs"] = [list(sequence.log_probs or ()) for sequence in sequences]
        auxiliary["scores"] = [sequence.log_prob for sequence in sequences]
    return auxiliary
