"""Printing what passes."""

from __future__ import annotations

import pytest
import tensorflow as tf

from evalkit import errors
from evalkit.preprocessors import print_dataset


def test_examples_are_printed_and_stay_as_they_are(capfd):
    dataset = tf.data.Dataset.from_tensor_slices({"ids": [[1, 2, 3, 4, 5]], "text": ["hello"]})
    examples = list(print_dataset(dataset, summarize=2).as_numpy_iterator())
    assert examples[0]["ids"].tolist() == [1, 2, 3, 4, 5]
    printed = capfd.readouterr().err
    assert "ids:  [1 2 ... 4 5]" in printed
    assert 'text:  "hello"' in printed


def test_examples_must_be_dictionaries():
    with pytest.raises(errors.FeatureError, match=r"print_dataset needs examples that are dictionaries"):
        print_dataset(tf.data.Dataset.range(3))
