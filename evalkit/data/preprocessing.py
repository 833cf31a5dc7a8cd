"""Running a task's preprocessors, and checking what came of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import tensorflow as tf

from evalkit import errors
from evalkit.data.definition import Preprocessor
from evalkit.data.feature import Feature
from evalkit.data.signature import function_name, parameter_names
from evalkit.transforms.arguments import add_kwargs_to_transform
from evalkit.transforms.lengths import Length


def run_preprocessors(
    task_name: str,
    dataset: tf.data.Dataset,
    preprocessors: Sequence[Preprocessor],
    steps: range,
    sequence_length: Mapping[str, Length] | None,
    output_features: Mapping[str, Feature],
) -> tf.data.Dataset:
    """Applies those of a task's `preprocessors` whose positions are in `steps`, in order.

    Each gets the keywords `sequence_length` and `output_features` if it has parameters of these names.

    Raises:
      PreprocessorError: one raised, or returned something that is not a dataset.
      ArgumentError: one refused the lengths.
    """
    for position in steps:
        dataset = apply_preprocessor(
            f"Task {task_name!r}, preprocessor",
            preprocessors,
            position,
            dataset,
            sequence_length=sequence_length,
            output_features=output_features,
        )
    return dataset


def apply_preprocessor(
    owner: str, preprocessors: Sequence[Preprocessor], position: int, dataset: tf.data.Dataset, **offered: Any
) -> tf.data.Dataset:
    """Applies one of `preprocessors`, with those of the `offered` arguments that it takes.

    Raises:
      PreprocessorError: it raised, or returned something that is not a dataset; names `owner` and the preprocessor.
      ArgumentError: it raised one, which is about what it was offered; a note names `owner` and the preprocessor.
    """
    step = preprocessors[position]
    where = f"{owner} {function_name(step)!r} (number {position} of {len(preprocessors)})"
    try:
        result = add_kwargs_to_transform(step, **offered)(dataset)
    except errors.ArgumentError as e:
        e.add_note(f"{where} raised this.")
        raise
    except Exception as e:
        hint = _hint(step, offered, dataset)
        raise errors.PreprocessorError(f"{where} raised {type(e).__name__}: {e}. {hint}") from e
    if not isinstance(result, tf.data.Dataset):
        raise errors.PreprocessorError(
            f"{where} returned {type(result).__name__}, expected a tf.data.Dataset. A preprocessor takes a dataset,"
            " not an example: decorate a function of one example with map_over_dataset."
        )
    return result


def _hint(step: Preprocessor, offered: Mapping[str, Any], dataset: tf.data.Dataset) -> str:
    if offered.get("sequence_length", ()) is None and "sequence_length" in parameter_names(step):
        return "It takes `sequence_length`, which was None; pass the lengths to get_dataset."
    spec = dataset.element_spec
    return f"It was given examples with {', '.join(map(repr, spec))}." if isinstance(spec, dict) else ""


def check_output_features(task_name: str, dataset: tf.data.Dataset, output_features: Mapping[str, Feature]) -> None:
    """Checks the examples of `dataset`, as far as its `element_spec` tells, against the promised features.

    Raises:
      FeatureError: a required feature is missing, or one has another dtype or rank.
    """
    spec = dataset.element_spec
    if not isinstance(spec, Mapping):
        raise errors.FeatureError(
            f"Task {task_name!r}: examples must be dictionaries from feature name to value after preprocessing, "
            f"found {type(spec).__name__}."
        )
    for name, feature in output_features.items():
        if not isinstance(feature, Feature):
            raise errors.FeatureError(
                f"Task {task_name!r}: output feature {name!r} must be described by a Feature, found {feature!r}."
            )
        if name in spec:
            _check_spec(task_name, name, feature, spec[name])
        elif feature.required:
            raise errors.with_remedy(
                errors.FeatureError(f"Task dataset is missing expected output feature after preprocessing: {name}"),
                f"The task is {task_name!r}; its examples have {', '.join(map(repr, spec)) or 'no features'}. Rename "
                "one (the preprocessor rekey), or declare the feature with required=False.",
            )


def _check_spec(task_name: str, name: str, feature: Feature, spec: Any) -> None:
    if spec.dtype != feature.dtype:
        raise errors.with_remedy(
            errors.FeatureError(
                f"Task dataset has incorrect type for feature {name!r} after preprocessing: Got {spec.dtype.name}, "
                f"expected {feature.dtype.name}"
            ),
            f"The task is {task_name!r}. Cast the feature in its last preprocessor, or declare "
            f"dtype=tf.{spec.dtype.name}.",
        )
    if spec.shape.rank != feature.rank:
        found = "an unknown rank" if spec.shape.rank is None else spec.shape.rank
        raise errors.with_remedy(
            errors.FeatureError(
                f"Task dataset has incorrect rank for feature {name!r} after preprocessing: Got {found}, expected "
                f"{feature.rank}"
            ),
            f"The task is {task_name!r}. Declare the rank that the feature has, or reshape it (tf.ensure_shape where "
            "the rank is unknown).",
        )
