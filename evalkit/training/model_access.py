"""How the evaluators of a training reach the model, whatever its parameters are."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from typing import Any, final

from evalkit.columns import Ragged
from evalkit.errors import ArgumentError
from evalkit.evaluation.verdicts import answers_and_endings
from evalkit.evaluations.texts import decoded
from evalkit.inference.engine import Engine
from evalkit.inference.model import Tree
from evalkit.inference.sampling import SamplingParams
from evalkit.inference.stop_strings import Decode
from evalkit.metrics.metric import ModelOutputType
from evalkit.training.loop_calls import LoopCalls

ModelFns = Callable[[Tree], Mapping[str, Any]]


@final
@dataclasses.dataclass(frozen=True)
class ModelAccess:
    """How evaluators reach the model, whatever its parameters are.

    Attributes:
      engine: computes; None where `model_fns` do.
      model_fns: gives the model functions of an Evaluator for parameters; None where the engine does.
      encoding: the tokenizer of evaluations and clients.
      sampling: how answers are generated; None is greedily.
      calls: for clients, makes calls in the training loop; None where there is no loop to be minded.

    Raises:
      ArgumentError: `sampling` asks for several answers.
    """

    engine: Engine | None
    model_fns: ModelFns | None
    encoding: Any
    sampling: SamplingParams | None
    calls: LoopCalls | None = None

    def __post_init__(self) -> None:
        if self.sampling is not None and self.sampling.num_samples != 1:
            raise ArgumentError(
                f"sampling is for one answer to each example; num_samples is {self.sampling.num_samples}. An evaluator "
                "that wants several asks a client."
            )

    @property
    def decode(self) -> Decode | None:
        """What ids decode to; None without a tokenizer."""
        return None if self.encoding is None else self._text

    def engine_for(self, name: str) -> Engine:
        """The engine.

        Raises:
          ArgumentError: there is none.
        """
        if self.engine is None:
            raise ArgumentError(f"Evaluator {name!r} needs an engine. Pass engine_builder to InlineEvaluation.")
        return self.engine

    def functions(self, name: str, params: Tree) -> dict[str, Any]:
        """The model functions for `Evaluator.evaluate`, by its arguments."""
        if self.model_fns is not None:
            return dict(self.model_fns(params))
        engine, decode = self.engine_for(name), self.decode
        return {
            "predict_fn": answers_and_endings(engine.predict_with_aux_fn(params, self.sampling, decode)),
            "score_fn": engine.score_fn(params),
            "predict_with_aux_fn": engine.predict_with_aux_fn(params, self.sampling, decode),
            "model_fns": {ModelOutputType.SCORE_WITH_INTERMEDIATES: engine.score_fn(params, intermediates=True)},
        }

    def _text(self, ids: Sequence[int]) -> str:
        return decoded(self.encoding, Ragged.from_rows([ids]))[0]
