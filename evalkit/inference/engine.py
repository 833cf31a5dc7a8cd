"""From a model and parameters to scores and answers, and to the functions that an Evaluator calls.

    engine = Engine(model, mesh=mesh)
    evaluator.evaluate(step=step, score_fn=engine.score_fn(params), predict_fn=engine.predict_fn(params))

An engine is made once, and kept: what it compiles serves every later evaluation, with whatever parameters. It holds no
parameters itself.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, final

from jax.sharding import Mesh

from evalkit.errors import ArgumentError
from evalkit.inference.agreement import all_alike
from evalkit.inference.arguments import whole_number
from evalkit.inference.feature_prompts import prompts_of_features
from evalkit.inference.feature_rows import rows_of_features
from evalkit.inference.generation import generate_answers
from evalkit.inference.generations import Generations
from evalkit.inference.ladder import DEFAULT_TOKEN_BUDGET, Ladder
from evalkit.inference.model import Model, Tree
from evalkit.inference.prompts import Prompts
from evalkit.inference.runtime import Runtime
from evalkit.inference.sampling import SamplingParams
from evalkit.inference.scoring import score_rows
from evalkit.inference.sharding import DataSharding
from evalkit.inference.span_scores import SpanScores
from evalkit.inference.spans import Rows
from evalkit.inference.stop_strings import Decode

_CACHE_BUDGETS = 8  # times the token budget: a slot of a cache takes far less memory than a token while it is computed


@final
class Engine:
    """Scores and generates with one model, on the devices of a mesh."""

    def __init__(
        self,
        model: Model,
        *,
        mesh: Mesh | None = None,
        data_axes: tuple[str, ...] = ("data",),
        token_budget: int = DEFAULT_TOKEN_BUDGET,
        cache_budget: int | None = None,
        max_shapes: int = 10,
    ) -> None:
        """Takes the model, and says where and how it is computed.

        Args:
          model: the model.
          mesh: the devices; None for one device, or for wherever the parameters are.
          data_axes: the axes of `mesh` over which rows are spread.
          token_budget: how many tokens a batch may have, padding and filler included. More use a device better and take
            more memory.
          cache_budget: how many slots of a cache a batch may have, all its rows together; eight times `token_budget` by
            default.
          max_shapes: how many shapes of batches a plan may use, each of which is compiled once.

        Raises:
          ArgumentError: the mesh does not have such an axis; or a number is less than 1.
          ArgumentTypeError: `mesh` is no mesh, or a number is not whole.
        """
        sharding = DataSharding(mesh, data_axes)
        ladder = Ladder.up_to(
            model.max_length,
            token_budget=token_budget,
            row_multiple=sharding.num_shards,
            max_shapes=max_shapes,
            max_input_length=model.input_limit,
        )
        slots = _CACHE_BUDGETS * token_budget if cache_budget is None else whole_number("cache_budget", cache_budget)
        self._runtime = Runtime(model, sharding, ladder, slots)

    @property
    def model(self) -> Model:
        """The model."""
        return self._runtime.model

    @property
    def mesh(self) -> Mesh | None:
        """The devices that it was given."""
        return self._runtime.sharding.mesh

    @property
    def compiles(self) -> int:
        """How many times anything was compiled so far."""
        return self._runtime.compiled.compiles

    def score(self, params: Tree, rows: Rows) -> SpanScores:
        """The log-probability of the span of each row, token by token.

        What rows share is computed once: beginnings, if the model has a cache; rows that are equal, or equal but for
        their last token, in any case. Of rows that are longer than the model, the tail is kept.

        Args:
          params: the parameters.
          rows: what is to be scored; the same in every process.

        Raises:
          RowError: an id is outside the vocabulary, a span is longer than the model, or inputs and the model do not
            belong together; before anything is computed.
          ModelError: the parameters do not fit; or a log-probability is NaN or infinite, and the message says of which
            token of which row.
          ProcessError: another process has other rows, or failed.
        """
        return score_rows(self._runtime, params, rows)

    def score_fn(self, params: Tree, *, intermediates: bool = False) -> Callable[[Any], Any]:
        """The Evaluator's `score_fn`: the log-probability of each example's targets, in nats.

        It is the sum over the targets whose loss weight is positive, as in T5X. The function takes the features of the
        converters for encoder–decoders, language models and prefix language models. A model that is described by
        `Model` is causal, and reads the inputs of a prefix language model causally, too.

        Args:
          params: the parameters.
          intermediates: whether the function also returns `token_log_probs` and `likeliest_tokens`, one array an
            example, for these targets.

        Returns:
          A function of an enumerated dataset, that returns pairs `(index, score)`, or these and the intermediates. It
          raises what `score` raises, and FeatureError where examples do not have such features.
        """

        def score(dataset: Any) -> Any:
            with all_alike("examples to be scored"):
                examples = rows_of_features(dataset)
            scores = self.score(params, examples.rows).only(examples.counted)
            pairs = list(zip(examples.indices, scores.sums.tolist(), strict=True))
            if not intermediates:
                return pairs
            values = {"token_log_probs": scores.log_probs, "likeliest_tokens": scores.best_ids}
            return pairs, {name: list(map(rows.row, range(len(scores)))) for name, rows in values.items()}

        return score

    def generate(
        self, params: Tree, prompts: Prompts, sampling: SamplingParams, decode_fn: Decode | None = None
    ) -> Generations:
        """Answers to prompts, in their order.

        Of a prompt that leaves no room for `sampling.max_new_tokens`, the tail is kept. A greedy answer depends on the
        prompt alone, a random one also on `sampling.seed` and the number of the prompt's example.

        Args:
          params: the parameters.
          prompts: what is to be continued; the same in every process.
          sampling: how many tokens, how they are chosen, and what ends an answer.
          decode_fn: from ids to text; with it the answers have texts. Stop strings need it.

        Raises:
          ArgumentError: there is no room for a prompt, a stop id is outside the vocabulary, or stop strings have no
            `decode_fn`.
          RowError: an id is outside the vocabulary, a prompt is empty and there is no BOS, or inputs and the model do
            not belong together; before anything is computed.
          ModelError: the parameters do not fit, or logits are NaN or infinite, and the message says of which prompt.
          ProcessError: another process has other prompts, or failed.
        """
        return generate_answers(self._runtime, params, prompts, sampling, decode_fn)

    def predict_fn(
        self, params: Tree, sampling: SamplingParams | None = None, decode_fn: Decode | None = None
    ) -> Callable[[Any], list[tuple[int, list[int]]]]:
        """The Evaluator's `predict_fn`: the ids of one answer to each example, without a stop id at the end.

        The function takes the features of the converters for encoder–decoders, language models and prefix language
        models.

        Args:
          params: the parameters.
          sampling: None is greedy, with as many tokens as the features have room for behind the longest prompt.
          decode_fn: for stop strings; the ids of an answer that one ended decode to it, too.

        Returns:
          A function of an enumerated dataset, that returns pairs `(index, ids)`. It raises what `generate` raises, and
          FeatureError where examples do not have such features.

        Raises:
          ArgumentError: `sampling` asks for several answers.
        """
        predict = self.predict_with_aux_fn(params, sampling, decode_fn)
        return lambda dataset: predict(dataset)[0]

    def predict_with_aux_fn(
        self, params: Tree, sampling: SamplingParams | None = None, decode_fn: Decode | None = None
    ) -> Callable[[Any], tuple[list[tuple[int, list[int]]], dict[str, list[Any]]]]:
        """The Evaluator's `predict_with_aux_fn`: as `predict_fn`, and of each answer `log_probs`, those of its tokens
        with the stop id, their sum `scores`, its `finish_reasons`, and whether its prompt was `truncated`.

        Args:
          params: the parameters.
          sampling: as for `predict_fn`.
          decode_fn: as for `predict_fn`.

        Raises:
          ArgumentError: `sampling` asks for several answers.
        """
        if sampling is not None and sampling.num_samples != 1:
            raise ArgumentError(
                f"The Evaluator takes one answer to each example; num_samples is {sampling.num_samples}. For several, "
                "call `generate`."
            )

        def predict(dataset: Any) -> tuple[list[tuple[int, list[int]]], dict[str, list[Any]]]:
            with all_alike("examples to be answered"):
                examples = prompts_of_features(dataset)
            chosen = sampling or examples.greedy(self.model.max_length)
            found = self.generate(params, examples.prompts, chosen, decode_fn)
            answers, log_probs = found.answers, found.log_probs
            pairs = [(index, answers.row(row).tolist()) for row, index in enumerate(examples.indices)]
            values = [log_probs.row(row).tolist() for row in range(len(found))]
            return pairs, {
                "log_probs": values,
                "scores": [math.fsum(value) for value in values],
                "finish_reasons": list(found.finish_reasons),
                "truncated": found.truncated.tolist(),
            }

        return predict
