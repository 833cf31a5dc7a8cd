"""Prompts from templates."""

from __future__ import annotations

import pytest
import tensorflow as tf

from evalkit import errors
from evalkit.preprocessors import preprocess_tensorflow_examples

DATASET = tf.data.Dataset.from_tensors({"text": "Hello\\nWorld", "label": 3, "share": 0.5, "sure": True})


@pytest.mark.parametrize(
    ("template", "filled"),
    [
        ("Input: {text}", b"Input: Hello\\nWorld"),
        ("{text}{text}.", b"Hello\\nWorldHello\\nWorld."),
        ("{label} {share} {sure}", b"3 0.5 true"),
        ('{"key": {label}, "rest": {}}', b'{"key": 3, "rest": {}}'),
        ("no field", b"no field"),
        ("", b""),
    ],
)
def test_fields_are_filled_in(template, filled):
    example = next(preprocess_tensorflow_examples(DATASET, template, "{label}").as_numpy_iterator())
    assert example == {"inputs": filled, "targets": b"3"}


def test_an_unknown_field_is_named_with_its_template():
    with pytest.raises(errors.FeatureError, match=r"template 'Say \{txt\}': .* no feature 'txt'. Did you mean 'text'"):
        preprocess_tensorflow_examples(DATASET, "{text}", "Say {txt}")
