"""The same task for a model with another vocabulary."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any

from evalkit import errors
from evalkit.data import CacheDatasetPlaceholder, Feature, Mixture, Task, maybe_get_mixture_or_task
from evalkit.data.definition import Preprocessor
from evalkit.data.signature import parameter_names
from evalkit.derived.derivation import derived
from evalkit.vocabularies import Vocabulary

_MAY_DIFFER = ("vocabulary", "add_eos", "required")


def mixture_or_task_with_new_vocab(
    mixture_or_task: Task | Mixture | str,
    new_mixture_or_task_name: str,
    *,
    new_vocab: Vocabulary | None = None,
    new_output_features: Mapping[str, Feature] | None = None,
    add_to_seqio_registry: bool = True,
    add_cache_placeholder: bool = False,
    validate_features: bool = True,
) -> Task | Mixture:
    """A task, or a mixture of all its tasks, with another vocabulary and nothing else changed.

    Args:
      mixture_or_task: the original, or its name.
      new_mixture_or_task_name: what the result is called; a task of a mixture is called `<this>.<its name>`.
      new_vocab: the vocabulary of all features.
      new_output_features: instead of `new_vocab`, all features.
      add_to_seqio_registry: whether to register the result, and all tasks and nested mixtures of a mixture.
      add_cache_placeholder: whether tasks without a cache placeholder get one, before the first preprocessor that takes
        `sequence_length`, or else at the end.
      validate_features: whether the new features may differ in nothing but `vocabulary`, `add_eos` and `required`.

    Returns:
      The new task or mixture.

    Raises:
      ArgumentError: both or neither of `new_vocab` and `new_output_features` are given.
      UnknownNameError: nothing is registered under the name of the original.
      DefinitionError: features that do not fit, or a source that may not be cached.
      DuplicateNameError: a name is taken; then nothing is registered.
    """
    if (new_vocab is None) == (new_output_features is None):
        raise errors.ArgumentError(
            f"{new_mixture_or_task_name!r}: give either new_vocab or new_output_features, found "
            f"{'neither' if new_vocab is None else 'both'}."
        )

    def derive(task: Task, name: str) -> Task:
        features = dict(new_output_features or {})
        if new_vocab is not None:
            features = {n: dataclasses.replace(f, vocabulary=new_vocab) for n, f in task.output_features.items()}
        if validate_features:
            _check_features(task, features)
        steps = task.preprocessors
        if add_cache_placeholder and not task.supports_caching:
            steps = _with_placeholder(steps)
        return task.replace(name=name, output_features=features, preprocessors=steps)

    original = maybe_get_mixture_or_task(mixture_or_task)
    return derived(original, new_mixture_or_task_name, derive, register=add_to_seqio_registry)


def _check_features(task: Task, features: Mapping[str, Feature]) -> None:
    if set(features) != set(task.output_features):
        raise errors.DefinitionError(
            f"Task {task.name!r} has the output features {', '.join(task.output_features)}; new_output_features must "
            f"have the same, found {', '.join(sorted(features)) or 'none'}."
        )
    for name, old in task.output_features.items():
        for field in dataclasses.fields(Feature):
            before, after = (getattr(feature, field.name) for feature in (old, features[name]))
            if field.name not in _MAY_DIFFER and before != after:
                raise errors.DefinitionError(
                    f"Task {task.name!r}: feature {name!r} has {field.name} {_shown(before)}, in new_output_features "
                    f"{_shown(after)}. Only {', '.join(_MAY_DIFFER)} may differ; pass validate_features=False if the "
                    "preprocessors make it so."
                )


def _shown(value: Any) -> Any:
    return getattr(value, "name", value)


def _with_placeholder(steps: Sequence[Preprocessor]) -> list[Preprocessor]:
    at = next((i for i, step in enumerate(steps) if "sequence_length" in parameter_names(step)), len(steps))
    return [*steps[:at], CacheDatasetPlaceholder(), *steps[at:]]
