"""An evaluation as a task, so that an Evaluator runs it, logs it and reports it beside all others.

The task's examples are the rows and prompts for which the evaluation asks, as the features that a decoder has already,
so the Evaluator takes them as they are (`PassThroughFeatureConverter`). Rows begin with their own first token, and not
with the BOS of a converter: scores are those of `evaluate`.

    task = as_task(evaluation, tokenizer, engine.model)
    evaluator = Evaluator(task, PassThroughFeatureConverter(), logger_cls=[JSONLogger], log_dir="runs/a")
    evaluator.evaluate(
        step=step,
        predict_fn=engine.predict_fn(params, SamplingParams(20)),
        score_fn=engine.score_fn(params, intermediates=True),
    )

`predict_fn` is asked by rollouts, `score_fn` by the other kinds.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import tensorflow as tf

from evalkit.columns import Ragged
from evalkit.data.feature import Feature
from evalkit.data.sources.in_memory import InMemoryDataSource
from evalkit.data.task import Task
from evalkit.errors import ArgumentError, ArgumentTypeError, MetricError
from evalkit.evaluations.evaluation import Evaluation
from evalkit.evaluations.requests import ScoredEvaluation, ScoringRequest
from evalkit.evaluations.result import EvaluationResult
from evalkit.evaluations.rollout import RolloutEvaluation
from evalkit.evaluations.texts import decoded
from evalkit.inference.arguments import whole_number
from evalkit.inference.model import Model
from evalkit.inference.prompts import fit_prompts
from evalkit.inference.span_scores import SpanScores
from evalkit.metrics.function import MetricFunction
from evalkit.vocabularies.pass_through import PassThroughVocabulary

_INPUTS, _TARGETS, _WEIGHTS = "decoder_input_tokens", "decoder_target_tokens", "decoder_loss_weights"
_PREFIX = "decoder_causal_attention"
_TEXT = "text"  # what is shown of the target

Columns = dict[str, list[Any]]


def as_task(
    evaluation: Evaluation,
    encoding: Any,
    model: Model,
    *,
    name: str | None = None,
    split: str = "validation",
    max_new_tokens: int | None = None,
    limit: int | None = None,
) -> Task:
    """The task that asks and judges as the evaluation does; not registered, for an Evaluator takes it as it is.

    Its metrics are the `score`, the counts and the values of `evaluate`; of a rollout those values that need no more
    than the answers.

    Args:
      evaluation: a rollout, an encoding, a perplexity or a perplexity comparison.
      encoding: the tokenizer.
      model: decoder-only; says how long a row may be and what it begins with.
      name: of the task; by default that of the evaluation.
      split: its only one.
      max_new_tokens: of a rollout, for how many tokens prompts leave room; the same as in the `SamplingParams` of
        `predict_fn`. By default half of the longest row.
      limit: takes so many examples, the same ones each time. An Evaluator's `num_examples` would part what belongs
        together.

    Raises:
      ArgumentError: the model has an encoder, or there is no example, or no room for a prompt.
      ArgumentTypeError: the evaluation is of another kind.
      RowError: rows cannot be scored; as for `evaluate`.
      SourceError: `get` raised.
    """
    if model.has_encoder:
        raise ArgumentError("Evaluations as tasks are for decoder-only models; this one has an encoder.")
    if isinstance(evaluation, RolloutEvaluation):
        new = (
            max(model.max_length // 2, 1) if max_new_tokens is None else whole_number("max_new_tokens", max_new_tokens)
        )
        columns, metric = _rollout(evaluation, encoding, model, new, limit)
    elif isinstance(evaluation, ScoredEvaluation):
        columns, metric = _scored(evaluation, encoding, model, limit)
    else:
        raise ArgumentTypeError(f"A {type(evaluation).__name__} cannot be a task: it is none of the four kinds.")
    feature = Feature(PassThroughVocabulary(model.vocab_size), add_eos=False)
    tokens = [key for key in columns if key != _TEXT]
    return Task(
        evaluation.name if name is None else name,
        InMemoryDataSource({split: columns}, dict.fromkeys(tokens, tf.int32) | {_TEXT: tf.string}),
        output_features=dict.fromkeys(tokens, feature),
        metric_objs=[metric],
        shuffle_buffer_size=None,
    )


def _scored(
    evaluation: ScoredEvaluation, encoding: Any, model: Model, limit: int | None
) -> tuple[Columns, MetricFunction]:
    request = evaluation.request(encoding, model, limit=limit)
    rows = request.rows
    columns: Columns = {name: [] for name in (_INPUTS, _TARGETS, _WEIGHTS, "targets", _TEXT)}
    for number, (start, end) in enumerate(zip(rows.starts.tolist(), rows.ends.tolist(), strict=True)):
        row = rows.tokens.row(number)[:end]
        columns[_INPUTS].append(row[:-1])
        columns[_TARGETS].append(row[1:])
        columns[_WEIGHTS].append((np.arange(1, end) >= start).astype(np.int32))
        columns["targets"].append(row[start:])
    spans = Ragged.from_rows(columns["targets"])
    columns[_TEXT] = decoded(encoding, spans)

    def scores_of_rows(targets: Sequence[Any], scores: Any) -> Mapping[str, Any]:
        return _metrics(request.result(_span_scores(evaluation.name, request, spans, model, scores)))

    return columns, MetricFunction(scores_of_rows, name=evaluation.name, postprocess_fn=_shown)


def _span_scores(name: str, request: ScoringRequest, spans: Ragged, model: Model, scores: Any) -> SpanScores:
    """What an engine's `score_fn` gave, as an engine's `score` gives it."""
    parts: Mapping[str, Any] = scores[1] if isinstance(scores, tuple) else {}
    missing = {"token_log_probs", "likeliest_tokens"} - set(parts)
    if missing:
        raise MetricError(
            f"Evaluation {name!r} needs of each row {' and '.join(sorted(missing))}. Pass "
            "engine.score_fn(params, intermediates=True)."
        )
    log_probs = Ragged.from_rows(list(parts["token_log_probs"]), np.float32)
    best_ids = Ragged.from_rows(list(parts["likeliest_tokens"]))
    _check_whole(name, "rows", spans.num_rows, "scored", log_probs.num_rows)
    is_best = Ragged(best_ids.values == spans.values, spans.splits)
    return SpanScores(log_probs, best_ids, is_best, request.rows.fed_lengths > model.max_length)


def _rollout(
    evaluation: RolloutEvaluation, encoding: Any, model: Model, max_new_tokens: int, limit: int | None
) -> tuple[Columns, MetricFunction]:
    request = evaluation.request(encoding, limit=limit)
    fitted = fit_prompts(request.prompts, model, model.max_length, max_new_tokens)
    truncated = fitted.truncated.tolist()
    columns: Columns = {name: [] for name in (_INPUTS, _TARGETS, _PREFIX, "targets", _TEXT)}
    for number, (_, y) in enumerate(request.texts.values()):
        prompt = fitted.prompts.tokens.row(number)
        columns[_INPUTS].append(prompt)
        columns[_TARGETS].append(np.append(prompt[1:], np.int32(0)))
        columns[_PREFIX].append(np.ones(len(prompt), np.int32))
        columns["targets"].append(prompt[:0])
        columns[_TEXT].append(y)

    def answers(targets: Sequence[str], predictions: Sequence[str]) -> Mapping[str, Any]:
        _check_whole(evaluation.name, "prompts", len(truncated), "answered", len(predictions))
        judgement = request.judge(predictions, truncated, None)
        return {"score": judgement.score, **judgement.counts, "truncated_prompts": sum(truncated)}

    def postprocess(ids: Any, example: Mapping[str, Any], is_target: bool = False) -> str:
        return _shown(ids, example) if is_target else decoded(encoding, Ragged.from_rows([ids]))[0]

    return columns, MetricFunction(answers, name=evaluation.name, postprocess_fn=postprocess)


def _check_whole(name: str, what: str, wanted: int, done: str, found: int) -> None:
    if found != wanted:
        raise MetricError(
            f"Evaluation {name!r} has {wanted} {what}, of which {found} were {done}. For a part of its examples, pass "
            "`limit` to as_task, and no num_examples to the Evaluator."
        )


def _shown(ids: Any, example: Mapping[str, Any], is_target: bool = True) -> str:
    """What is shown for a target: its text."""
    del ids, is_target
    text = example[_TEXT]
    return text.decode() if isinstance(text, bytes) else str(text)


def _metrics(result: EvaluationResult) -> dict[str, Any]:
    return {"score": result.score, **result.values, **result.counts}
