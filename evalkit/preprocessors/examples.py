"""What a step can know of its examples before it reads one."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from evalkit import errors
from evalkit.data.feature import Feature

OutputFeatures = Mapping[str, Feature]


def feature_specs(dataset: Any, step: str) -> dict[str, Any]:
    """The type of every feature of a dataset of dictionaries.

    Raises:
      FeatureError: the examples are not dictionaries.
    """
    specs = dataset.element_spec
    if not isinstance(specs, Mapping):
        raise errors.FeatureError(
            f"{step} needs examples that are dictionaries from feature name to tensor, found {specs}. "
            "Put a preprocessor before it that names the parts, for instance lambda text: {'inputs': text}."
        )
    return dict(specs)


def require_feature(name: str, specs: Mapping[str, Any], step: str) -> None:
    """Checks that the examples have the feature `name`.

    Raises:
      FeatureError: they have not; the message lists those that they have.
    """
    if name not in specs:
        near = errors.nearest_names(name, specs)
        hint = f"Did you mean {near[0]!r}? " if near else ""
        raise errors.FeatureError(f"{step}: the examples have no feature {name!r}. {hint}They have {sorted(specs)}.")


def eos_id(name: str, feature: Feature, step: str) -> int:
    """The id that ends sequences of a feature.

    Raises:
      FeatureError: its vocabulary has none.
    """
    found = feature.vocabulary.eos_id
    if found is None or found < 0:
        raise errors.FeatureError(
            f"{step}: feature {name!r} asks for EOS (add_eos=True), but its vocabulary, "
            f"{type(feature.vocabulary).__name__}, has none (eos_id is {found}). "
            "Define the feature with add_eos=False, or give its vocabulary an EOS."
        )
    return found
