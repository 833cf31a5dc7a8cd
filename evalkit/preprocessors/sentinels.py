"""Sentinels around the gap between inputs and targets, as models know them that were trained to fill in spans.

A sentinel is one of the last ids of a vocabulary, where T5's vocabularies have their extra ids.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import tensorflow as tf

from evalkit import errors
from evalkit.preprocessors.examples import OutputFeatures, feature_specs, require_feature
from evalkit.vocabularies import Vocabulary

_INPUTS, _TARGETS = "inputs", "targets"


def sentinel_ids(vocabulary: Vocabulary, num_sentinels: int) -> list[int]:
    """The last ids of a vocabulary, the very last first.

    >>> from evalkit.vocabularies import PassThroughVocabulary
    >>> sentinel_ids(PassThroughVocabulary(100), 2)
    [99, 98]

    Raises:
      ArgumentError: less than 1, or more than the vocabulary has.
    """
    size = vocabulary.vocab_size
    if not 0 < num_sentinels <= size:
        raise errors.ArgumentError(
            f"num_sentinels must be at least 1 and at most {size}, which is how many ids {type(vocabulary).__name__} "
            f"has; found {num_sentinels}."
        )
    return [size - 1 - index for index in range(num_sentinels)]


def add_sentinels(dataset: tf.data.Dataset, output_features: OutputFeatures, num_sentinels: int = 1) -> tf.data.Dataset:
    """Ends `inputs` with sentinels, and begins `targets` with them.

    Args:
      dataset: tokenised examples; both features have rank 1.
      output_features: the vocabularies of both.
      num_sentinels: how many.

    Raises:
      FeatureError: the examples lack one of the features.
      ArgumentError: a vocabulary does not have so many ids.

    Example:
      >>> from evalkit.data import Feature
      >>> from evalkit.vocabularies import PassThroughVocabulary
      >>> features = dict.fromkeys(["inputs", "targets"], Feature(PassThroughVocabulary(100)))
      >>> dataset = tf.data.Dataset.from_tensors({"inputs": [5, 6], "targets": [7]})
      >>> {name: ids.tolist() for name, ids in next(add_sentinels(dataset, features).as_numpy_iterator()).items()}
      {'inputs': [5, 6, 99], 'targets': [99, 7]}
    """
    specs = feature_specs(dataset, "add_sentinels")
    for name in (_INPUTS, _TARGETS):
        require_feature(name, specs, "add_sentinels")
    after = sentinel_ids(output_features[_INPUTS].vocabulary, num_sentinels)
    before = sentinel_ids(output_features[_TARGETS].vocabulary, num_sentinels)

    def add(example: Mapping[str, Any]) -> dict[str, Any]:
        inputs, targets = example[_INPUTS], example[_TARGETS]
        return {
            **example,
            _INPUTS: tf.concat([inputs, tf.cast(after, inputs.dtype)], axis=0),
            _TARGETS: tf.concat([tf.cast(before, targets.dtype), targets], axis=0),
        }

    return dataset.map(add, num_parallel_calls=tf.data.AUTOTUNE)
