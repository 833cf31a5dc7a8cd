"""From a model and parameters to scores, and to the functions that an Evaluator calls.

    engine = Engine(model, mesh=mesh)
    evaluator.evaluate(step=step, score_fn=engine.score_fn(params))

An engine is made once, and kept: what it compiles serves every later evaluation, with whatever parameters. It holds no
parameters itself.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, final

from jax.sharding import Mesh

from evalkit.inference.agreement import all_alike
from evalkit.inference.arguments import whole_number
from evalkit.inference.feature_rows import rows_of_features
from evalkit.inference.ladder import DEFAULT_TOKEN_BUDGET, Ladder
from evalkit.inference.model import Model, Tree
from evalkit.inference.runtime import Runtime
from evalkit.inference.scoring import score_rows
from evalkit.inference.sharding import DataSharding
from evalkit.inference.span_scores import SpanScores
from evalkit.inference.spans import Rows

_CACHE_BUDGETS = 8  # times the token budget: a slot of a cache takes far less memory than a token while it is computed


@final
class Engine:
    """Scores with one model, on the devices of a mesh."""

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
