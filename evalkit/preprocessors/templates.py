"""Prompts from templates."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import tensorflow as tf

from evalkit.preprocessors.examples import feature_specs, require_feature

_FIELD = re.compile(r"\{([^{}]*)\}")


def preprocess_tensorflow_examples(
    dataset: tf.data.Dataset, inputs_format: str, targets_format: str
) -> tf.data.Dataset:
    """Makes `inputs` and `targets` from two templates, and drops everything else.

    `{name}` in a template stands for the feature `name`; numbers are written out. Braces around anything that is
    neither a feature nor a Python identifier are left as they are, so a template may hold JSON.

    Raises:
      FeatureError: a template names a feature that the examples do not have.

    Example:
      >>> dataset = tf.data.Dataset.from_tensors({"a": 3, "b": "six"})
      >>> next(preprocess_tensorflow_examples(dataset, "Twice {a}?", "{b}").as_numpy_iterator())
      {'inputs': b'Twice 3?', 'targets': b'six'}
    """
    specs = feature_specs(dataset, "preprocess_tensorflow_examples")
    templates = {"inputs": _parts(inputs_format, specs), "targets": _parts(targets_format, specs)}

    def fill(example: Mapping[str, Any]) -> dict[str, Any]:
        return {
            name: tf.strings.join([_as_string(example[part]) if is_field else part for is_field, part in parts])
            for name, parts in templates.items()
        }

    return dataset.map(fill, num_parallel_calls=tf.data.AUTOTUNE)


def _parts(template: str, specs: Mapping[str, Any]) -> list[tuple[bool, str]]:
    """The template in pieces: `(True, feature name)` or `(False, literal text)`."""
    parts: list[tuple[bool, str]] = []
    end = 0
    for match in _FIELD.finditer(template):
        name = match[1]
        if name not in specs and not name.isidentifier():
            continue
        require_feature(name, specs, f"preprocess_tensorflow_examples, template {template!r}")
        parts += [(False, template[end : match.start()]), (True, name)]
        end = match.end()
    return [*parts, (False, template[end:])]


def _as_string(value: Any) -> Any:
    if value.dtype == tf.string:
        return value
    return tf.strings.as_string(value, shortest=True) if value.dtype.is_floating else tf.strings.as_string(value)
