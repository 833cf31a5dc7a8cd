"""What a metric function is called with: targets from the examples, predictions from the model output.

This is the plain way, example by example, for metric objects that work apart from an Evaluator; the Evaluator decodes
in batches and shares the result between metrics.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from evalkit import errors
from evalkit.columns import Ragged
from evalkit.metrics.function import MetricFunction
from evalkit.metrics.signature import ModelOutputType


def examples_of(dataset: Iterable[Mapping[str, Any]]) -> Sequence[Mapping[str, Any]]:
    """The examples as a sequence: as they are if they are one, else collected in one pass."""
    return dataset if isinstance(dataset, Sequence) else list(dataset)


def postprocessed_targets(
    function: MetricFunction,
    examples: Sequence[Mapping[str, Any]],
    features: Mapping[str, Any],
    target_field_name: str = "targets",
) -> list[Any]:
    """The targets that `function` judges against.

    The text of a target is the field `<target>_pretokenized` where there is one, else what the feature's vocabulary
    decodes.

    Raises:
      PostprocessError: the postprocess function raised; the message says for which example.
    """
    texts = [_target_text(example, features, target_field_name) for example in examples]
    return _postprocessed(function, texts, examples, is_target=True)


def function_arguments(
    function: MetricFunction,
    examples: Sequence[Mapping[str, Any]],
    targets: Sequence[Any],
    model_output: Any,
    features: Mapping[str, Any],
    target_field_name: str = "targets",
) -> tuple[dict[str, Any], dict[str, Any]]:
    """The arguments of `function`, and what they were made from, for loggers.

    Args:
      function: whose arguments.
      examples: the examples, which the postprocess function is shown.
      targets: the postprocessed targets.
      model_output: the model's output for each example, in the same order, without padding.
      features: the task's output features; the target's vocabulary decodes.
      target_field_name: which of the features is the target.

    Returns:
      `(arguments by name, {"targets": …, "score" or "output": …, "prediction": …, "aux_value": …})`.

    Raises:
      PostprocessError: the postprocess function raised; the message says for which example.
    """
    if function.model_output_type is ModelOutputType.SCORE:
        return {"targets": targets, "scores": model_output}, {"targets": targets, "score": model_output}
    arguments: dict[str, Any] = {"targets": targets}
    inferences: dict[str, Any] = {"targets": targets}
    if function.model_output_type is ModelOutputType.PREDICTION_WITH_AUX:
        model_output, aux_values = model_output
        arguments["aux_values"] = inferences["aux_value"] = aux_values
    decoded = decoded_rows(model_output, lambda ids: _decode(ids, features, target_field_name))
    inferences["output"] = decoded
    predictions = _postprocessed(function, decoded, examples, is_target=False)
    arguments["predictions"] = inferences["prediction"] = predictions
    return arguments, inferences


def decoded_rows(model_output: Any, decode: Callable[[Any], Any]) -> list[Any]:
    """The outputs as `decode`, which takes the ids of one sequence, gives them.

    A row of numbers is one sequence; a row of such rows is the several sequences of a top-k output and becomes a list.
    Anything else (text, single numbers) is taken as decoded already.
    """
    rows = map(model_output.row, range(model_output.num_rows)) if isinstance(model_output, Ragged) else model_output
    return [_decoded(row, decode) for row in rows]


def _decoded(row: Any, decode: Callable[[Any], Any]) -> Any:
    if not isinstance(row, list | tuple | np.ndarray):
        return row
    if isinstance(row, np.ndarray) and (row.dtype.kind not in "biuf" or row.ndim == 0):
        return row
    if len(row) and isinstance(row[0], list | tuple | np.ndarray):
        return [_decoded(sequence, decode) for sequence in row]
    if len(row) and isinstance(row[0], str | bytes):
        return row
    return decode(row)


def _decode(ids: Any, features: Mapping[str, Any], name: str) -> Any:
    if name not in features:
        raise errors.MetricError(
            f"The output features have no {name!r}, whose vocabulary would decode; they are {sorted(features)}. Is "
            "`target_field_name` right?"
        )
    return features[name].vocabulary.decode(ids)


def _target_text(example: Mapping[str, Any], features: Mapping[str, Any], target_field_name: str) -> Any:
    text = example.get(f"{target_field_name}_pretokenized")
    if text is None:
        if target_field_name not in example:
            raise errors.MetricError(
                f"An example has neither {target_field_name!r} nor '{target_field_name}_pretokenized'; it has "
                f"{sorted(example)}. Is `target_field_name` right?"
            )
        ids = example[target_field_name]
        flat = isinstance(ids, np.ndarray) and ids.ndim == 1
        text = _decode(ids.tolist() if flat else list(ids), features, target_field_name)
    return text.decode("utf-8") if isinstance(text, bytes) else text


def _postprocessed(
    function: MetricFunction, values: Sequence[Any], examples: Sequence[Mapping[str, Any]], *, is_target: bool
) -> list[Any]:
    if function.postprocess_fn is None:
        return list(values)
    results = []
    # Not strict: an output without its example is reported by the metric, which sees fewer predictions than targets.
    for index, (value, example) in enumerate(zip(values, examples, strict=False)):
        try:
            results.append(function.postprocess(value, example=example, is_target=is_target))
        except Exception as e:
            kind = "target" if is_target else "prediction"
            raise errors.PostprocessError(
                f"The postprocess function of metric {function.name!r} raised {type(e).__name__} for the {kind} of "
                f"example {index}, {value!r:.200}: {e}"
            ) from e
    return results
