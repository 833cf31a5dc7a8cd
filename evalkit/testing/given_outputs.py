"""Model outputs that a test gives, and the model functions that return them."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any, final

from evalkit import errors
from evalkit.data.task import Task
from evalkit.evaluation.evaluator import ModelFn
from evalkit.evaluation.task_metrics import metric_name
from evalkit.metrics import ModelOutputType

ARGUMENTS = {
    ModelOutputType.PREDICTION: ("predictions",),
    ModelOutputType.PREDICTION_WITH_AUX: ("predictions", "aux_values"),
    ModelOutputType.SCORE: ("scores",),
    ModelOutputType.SCORE_WITH_INTERMEDIATES: ("scores",),
}
"""What must be given for each type of output."""


@final
@dataclasses.dataclass(frozen=True)
class GivenOutputs:
    """Outputs for each example, in order.

    Attributes:
      predictions: token ids or text; text is encoded by the vocabulary of the targets, as a model gives ids.
      scores: numbers, or `(numbers, {name: values})` with intermediate values.
      aux_values: by name, one value for each example.
    """

    predictions: Sequence[Any] | None = None
    scores: Any = None
    aux_values: Mapping[str, Any] | None = None

    @property
    def names(self) -> list[str]:
        """The attributes that were given."""
        return [field.name for field in dataclasses.fields(self) if getattr(self, field.name) is not None]

    def metrics_for(self, task: Task) -> list[Any]:
        """The metrics of `task` that can be computed from these outputs.

        Raises:
          ArgumentError: nothing was given, or something that no metric judges.
        """
        if not self.names:
            raise errors.ArgumentError(f"Task {task.name!r}: no outputs were given. Give predictions or scores.")
        given = set(self.names)
        usable = [metric for metric in task.metric_objs if given.issuperset(ARGUMENTS[metric.model_output_type])]
        used = {name for metric in usable for name in ARGUMENTS[metric.model_output_type]}
        for name in self.names:
            if name not in used:
                needs = [
                    f"{metric_name(metric)} ({' and '.join(ARGUMENTS[metric.model_output_type])})"
                    for metric in task.metric_objs
                ]
                raise errors.ArgumentError(
                    f"Task {task.name!r}: {name} were given, but no metric of it judges them. Its metrics, and what "
                    f"they need: {', '.join(needs) or 'none'}."
                )
        return usable

    def model_fns(self, task: Task, target_field_name: str, num_examples: int) -> dict[ModelOutputType, ModelFn]:
        """Model functions by output type, which return these outputs whatever they are asked.

        Raises:
          ArgumentError: there are not as many outputs as examples.
        """
        vocabulary = task.output_features[target_field_name].vocabulary
        functions: dict[ModelOutputType, ModelFn] = {}
        if self.predictions is not None:
            _check_count(task, "predictions", self.predictions, num_examples)
            pairs = list(enumerate(_ids(vocabulary, output) for output in self.predictions))
            functions[ModelOutputType.PREDICTION] = lambda dataset: pairs
            functions[ModelOutputType.PREDICTION_WITH_AUX] = lambda dataset: (pairs, dict(self.aux_values or {}))
        if self.scores is not None:
            scores, *intermediates = self.scores if isinstance(self.scores, tuple) else (self.scores,)
            _check_count(task, "scores", scores, num_examples)
            scored = list(enumerate(scores))
            result = (scored, *intermediates) if intermediates else scored
            functions[ModelOutputType.SCORE] = lambda dataset: result
            functions[ModelOutputType.SCORE_WITH_INTERMEDIATES] = functions[ModelOutputType.SCORE]
        return functions


def _check_count(task: Task, name: str, given: Sequence[Any], num_examples: int) -> None:
    if len(given) != num_examples:
        raise errors.ArgumentError(
            f"Task {task.name!r}: {len(given)} {name} for {num_examples} examples. Give one for each example that the "
            "preprocessors make of the rows; they may drop some, or make several of one."
        )


def _ids(vocabulary: Any, output: Any) -> Any:
    """Text encoded, in lists (several samples of one example) as well; what is encoded already as it is."""
    if isinstance(output, bytes):
        output = output.decode()
    if isinstance(output, str):
        return vocabulary.encode(output)
    if isinstance(output, (list, tuple)) and output and isinstance(output[0], (str, bytes)):
        return [_ids(vocabulary, text) for text in output]
    return output
