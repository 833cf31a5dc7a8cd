"""Answers to prompts, generated a token at a time in batches that stay full.

What a prompt is answered with does not depend on the other prompts, nor on how they are batched: not in greedy
decoding, as far as the model computes the same for a row in any batch, and not in sampling, where each row draws by
numbers of its own.
"""

from __future__ import annotations

import dataclasses

import numpy as np

from evalkit.errors import ArgumentError, ModelOutputError
from evalkit.inference.agreement import all_alike
from evalkit.inference.generation_plan import plan_pools
from evalkit.inference.generations import Answer, Generations, GenerationWork, ragged
from evalkit.inference.model import Tree
from evalkit.inference.pool_run import PoolRun, room_for
from evalkit.inference.prompts import Prompts, fit_prompts
from evalkit.inference.runtime import Runtime
from evalkit.inference.sampling import SamplingParams
from evalkit.inference.stop_strings import Decode, StopStrings


def generate_answers(
    runtime: Runtime, params: Tree, prompts: Prompts, sampling: SamplingParams, decode_fn: Decode | None = None
) -> Generations:
    """Generates `sampling.num_samples` answers to each prompt.

    Of a prompt that leaves no room for `sampling.max_new_tokens`, the tail is kept. Processes that compute together
    must be given the same prompts; each gets all answers.

    Args:
      runtime: the model, and where and how it is computed. A batch has as many slots as its `cache_budget` allows.
      params: its parameters.
      prompts: any number of prompts, none included.
      sampling: how many tokens, how they are chosen, and what ends an answer.
      decode_fn: from ids to text; with it the answers have texts. Stop strings need it.

    Raises:
      ArgumentError: there is no room for a prompt, a stop id is outside the vocabulary, or stop strings have no
        `decode_fn`.
      RowError: an id is outside the vocabulary, a prompt is empty and there is no BOS, or inputs and the model do not
        belong together.
      ModelError: the parameters do not fit, or logits are not numbers; the message has the prompt and the example.
      ProcessError: another process has other prompts, or failed.
    """
    before = runtime.compiled.compiles
    model, ladder = runtime.model, dataclasses.replace(runtime.ladder, token_budget=runtime.cache_budget)
    with all_alike("prompts") as same:
        stop = StopStrings(sampling.stop_strings, decode_fn)
        for index, token in enumerate(sampling.stop_ids):
            if token >= model.vocab_size:
                raise ArgumentError(
                    f"stop_ids[{index}] is {token}, and the ids of the model are below {model.vocab_size}."
                )
        longest = min(ladder.lengths[-1], model.max_length)
        fitted, truncated = fit_prompts(prompts, model, longest, sampling.max_new_tokens)
        same(*fitted.tokens, *(fitted.inputs or ()), fitted.examples, sampling, ladder)
        params = runtime.ready(params)
        pools = plan_pools(
            fitted.tokens.lengths - 1,
            ladder,
            max_new=room_for(sampling.max_new_tokens),
            samples=sampling.num_samples,
            input_lengths=None if fitted.inputs is None else fitted.inputs.lengths,
        )
    work = GenerationWork(pools=len(pools))
    found: dict[int, Answer] = {}
    for pool in pools:
        for prompt, sample, answer in PoolRun(runtime, params, pool, fitted, sampling, stop).answers(work):
            found[prompt * sampling.num_samples + sample] = answer
    wanted = len(prompts) * sampling.num_samples
    if len(found) != wanted:
        raise ModelOutputError(f"There must be {wanted} answers, found {len(found)}.")
    work.compiles = runtime.compiled.compiles - before
    return _generations([found[number] for number in range(wanted)], stop, truncated, sampling, work)


def _generations(
    found: list[Answer], stop: StopStrings, truncated: np.ndarray, sampling: SamplingParams, work: GenerationWork
) -> Generations:
    tokens = ragged([answer.tokens for answer in found], np.int32)
    lengths = tokens.lengths - np.array([answer.stopped for answer in found], np.int64)
    texts = ends_in_text = None
    if stop.decode is not None:
        whole = [stop.text(answer.tokens[:length].tolist()) for answer, length in zip(found, lengths, strict=True)]
        texts = tuple(map(stop.cut, whole))
        ends_in_text = [len(text) < len(full) for text, full in zip(texts, whole, strict=True)]
    ends_in_text = ends_in_text or [False] * len(found)
    return Generations(
        tokens=tokens,
        log_probs=ragged([answer.log_probs for answer in found], np.float32),
        answer_lengths=lengths,
        finish_reasons=tuple(
            "stop" if answer.stopped or in_text else "length"
            for answer, in_text in zip(found, ends_in_text, strict=True)
        ),
        texts=texts,
        truncated=truncated,
        num_samples=sampling.num_samples,
        work=work,
    )
