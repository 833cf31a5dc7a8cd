"""From the builders that a trainer is configured with to evaluators with names that differ.

A builder is called once, where its evaluator will run. A name comes from the mapping in which its builder stands, or
from the evaluator itself: `Evaluation.name`, the tasks of an `Evaluator`, the name of a function or of an object.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple, final

from evalkit.errors import ArgumentError, ArgumentTypeError, DuplicateNameError
from evalkit.evaluation.evaluator import Evaluator
from evalkit.evaluations.evaluation import Evaluation
from evalkit.inference.engine import Engine
from evalkit.inference.sampling import SamplingParams
from evalkit.training.inline_evaluators import InlineEvaluator, TaskEvaluator, WrittenEvaluation
from evalkit.training.inline_part import Part
from evalkit.training.loop_calls import LoopCalls
from evalkit.training.model_access import ModelAccess, ModelFns
from evalkit.training.sampled_evaluator import SampledEvaluator

Builder = Callable[[], Any]
Builders = Sequence[Builder] | Mapping[str, Builder]


class Built(NamedTuple):
    """Evaluators by part, and which of them belong to which list."""

    evaluators: Mapping[Part, InlineEvaluator]
    frequent: tuple[Part, ...]
    infrequent: tuple[Part, ...]


@final
@dataclasses.dataclass(frozen=True)
class EvaluatorBuilders:
    """All that is needed to build the evaluators of a training; it pickles if its parts do.

    Attributes:
      frequent: builders of the evaluators that are run often.
      infrequent: builders of those that are run seldom.
      engine_builder: gives the engine; None where no evaluator needs one.
      model_fns: see `InlineEvaluation`, and so the rest.
      encoding: the tokenizer.
      sampling: how answers are generated.

    Raises:
      ArgumentTypeError: something is no builder, or cannot be called.
    """

    frequent: Builders
    infrequent: Builders
    engine_builder: Callable[[], Engine] | None
    model_fns: ModelFns | None
    encoding: Any
    sampling: SamplingParams | None

    def __post_init__(self) -> None:
        for argument, builders in (
            ("evaluator_builders", self.frequent),
            ("infrequent_evaluator_builders", self.infrequent),
        ):
            found: Any = builders
            if not isinstance(found, Sequence | Mapping) or isinstance(found, str):
                raise ArgumentTypeError(f"{argument} is a list of builders, or builders by name; found {found!r}.")
            for name, builder in _named(builders):
                _check_callable(
                    f"{argument}[{name!r}]", builder, "a function without arguments that makes an evaluator"
                )
        for argument, function in (("engine_builder", self.engine_builder), ("model_fns", self.model_fns)):
            if function is not None:
                _check_callable(argument, function, "a function, or None")

    def build(self, calls: LoopCalls | None) -> Built:
        """Calls all builders.

        Args:
          calls: for evaluators that sample, makes their calls in the training loop; None has them made on a thread.

        Raises:
          DuplicateNameError: two evaluators have one name, in whichever list.
          ArgumentError: an evaluator needs an engine and there is none, or has a name that cannot be.
          ArgumentTypeError: a builder gave no evaluator, or the engine's builder no engine.
        """
        engine = self.engine_builder() if self.engine_builder is not None else None
        if engine is not None and not isinstance(engine, Engine):
            raise ArgumentTypeError(f"engine_builder returned {engine!r}; expected an Engine.")
        model = ModelAccess(engine, self.model_fns, self.encoding, self.sampling, calls)
        evaluators: dict[Part, InlineEvaluator] = {}
        try:
            parts = [list(_built(builders, model, evaluators)) for builders in (self.frequent, self.infrequent)]
        except BaseException:
            for evaluator in evaluators.values():
                evaluator.close()
            raise
        return Built(evaluators, tuple(parts[0]), tuple(parts[1]))


def _built(builders: Builders, model: ModelAccess, evaluators: dict[Part, InlineEvaluator]) -> Iterator[Part]:
    for given, builder in _named(builders):
        evaluator = builder()
        name = given if isinstance(given, str) else _name_of(evaluator)
        if not name or "/" in name:
            raise ArgumentError(
                f"An evaluator is called {name!r}; a name is not empty and has no slash, as it is a part of tags, "
                "`eval/<evaluator>/<task>/<metric>`. Pass {name: builder}."
            )
        if any(name == part.evaluator for part in evaluators):
            raise DuplicateNameError(
                f"Two evaluators are called {name!r}: their results would stand under the same names. Pass "
                "{name: builder}, with a name of its own for each, in both lists."
            )
        for each in _evaluators_of(name, evaluator, model):
            evaluators[each.part] = each
            yield each.part


def _evaluators_of(name: str, evaluator: Any, model: ModelAccess) -> Sequence[InlineEvaluator]:
    if isinstance(evaluator, Evaluator):
        return TaskEvaluator.of_all_tasks(name, evaluator, model)
    if isinstance(evaluator, Evaluation):
        return [WrittenEvaluation(name, evaluator, model)]
    if callable(evaluator):
        return [SampledEvaluator(name, evaluator, model)]
    raise ArgumentTypeError(
        f"The builder of {name!r} returned a {type(evaluator).__name__}; expected an Evaluator, an Evaluation, or an "
        "async function of a client."
    )


def _name_of(evaluator: Any) -> str:
    if isinstance(evaluator, Evaluator):
        return "+".join(task.name for task in evaluator.eval_tasks) or "evaluator"
    while hasattr(evaluator, "func"):  # functools.partial
        evaluator = evaluator.func
    name = getattr(evaluator, "name", None) or getattr(evaluator, "__name__", None)
    return name if isinstance(name, str) else type(evaluator).__name__


def _named(builders: Builders) -> Iterator[tuple[str | int, Builder]]:
    yield from builders.items() if isinstance(builders, Mapping) else enumerate(builders)


def _check_callable(what: str, found: Any, expected: str) -> None:
    if not callable(found):
        raise ArgumentTypeError(f"{what} must be {expected}; found {found!r}.")
