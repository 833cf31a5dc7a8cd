"""From the features that a converter makes to prompts.

Of a prefix language model the prompt is what stands under `decoder_causal_attention`, BOS and the inputs; of a language
model it is BOS alone; of an encoder–decoder the encoder has the inputs, and the decoder begins with BOS. Nothing of the
targets is looked at.

    >>> features = {
    ...     "decoder_input_tokens": np.array([0, 7, 8, 3, 9]),
    ...     "decoder_causal_attention": np.array([1, 1, 1, 0, 0]),
    ... }
    >>> examples = prompts_of_features([(4, features)])
    >>> examples.prompts.tokens.row(0).tolist(), examples.prompts.examples.tolist(), examples.room
    ([0, 7, 8], [4], 3)
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np

from evalkit.columns import Array
from evalkit.errors import FeatureError
from evalkit.inference.feature_rows import examples_of
from evalkit.inference.generations import ragged
from evalkit.inference.prompts import Prompts
from evalkit.inference.sampling import SamplingParams

_TOKENS, _PREFIX, _ENCODER = "decoder_input_tokens", "decoder_causal_attention", "encoder_input_tokens"


class FeaturePrompts(NamedTuple):
    """Examples as prompts.

    Attributes:
      indices: the index of each example.
      prompts: one an example, numbered by these indices.
      room: how many target tokens the features have room for behind the longest prompt; at least 1.
    """

    indices: list[int]
    prompts: Prompts
    room: int

    def greedy(self, max_length: int) -> SamplingParams:
        """Greedy answers with as many tokens as there is room for, in the features and in a model of `max_length`."""
        longest = int(self.prompts.tokens.lengths.max(initial=1))
        return SamplingParams(max(min(self.room, max_length - longest + 1), 1))


def prompts_of_features(dataset: Any) -> FeaturePrompts:
    """Reads all examples of an enumerated dataset; those of a negative index are filler and are dropped.

    Args:
      dataset: of `(index, {feature: [length]})`, as the Evaluator gives it.

    Raises:
      FeatureError: a feature is missing, empty, packed, or of another rank or length; the message has the index.
    """
    indices: list[int] = []
    tokens: list[Array] = []
    inputs: list[Array] = []
    room = 0
    for index, features in examples_of(dataset):
        if index < 0:
            continue
        late = _vector(int(index), _TOKENS, features)
        indices.append(int(index))
        tokens.append(_prompt(int(index), late, features))
        room = max(room, len(late))
        if _ENCODER in features:
            row = _vector(int(index), _ENCODER, features)
            inputs.append(row[: int(np.max(np.flatnonzero(row), initial=-1)) + 1])  # converters pad with zeros
    if inputs and len(inputs) != len(tokens):
        raise FeatureError(f"{_ENCODER} is a feature of {len(inputs)} of {len(tokens)} examples; it must be of all.")
    longest = max(map(len, tokens), default=1)
    of_encoder = ragged(inputs, np.int32) if inputs else None
    return FeaturePrompts(indices, Prompts(ragged(tokens, np.int32), of_encoder, indices), max(room - longest + 1, 1))


def _prompt(index: int, late: Array, features: Mapping[str, Any]) -> Array:
    segments = features.get("decoder_segment_ids")
    if segments is not None and np.max(segments, initial=0) > 1:
        raise FeatureError(f"Example {index} is packed; convert with pack=False, so that each example has a prompt.")
    if _PREFIX not in features:
        return late[:1]
    attention = _vector(index, _PREFIX, features)
    if len(attention) != len(late):
        raise FeatureError(
            f"Example {index}: {_TOKENS} and {_PREFIX} must be of one length; found {len(late)} and {len(attention)}."
        )
    return late[attention > 0]


def _vector(index: int, name: str, features: Mapping[str, Any]) -> Array:
    if name not in features:
        raise FeatureError(
            f"Example {index} has no feature {name!r}, from which its prompt would come; it has {sorted(features)}. "
            "Which feature converter does the Evaluator have?"
        )
    value = np.asarray(features[name])
    if value.ndim != 1 or not len(value):
        raise FeatureError(f"Example {index}: {name} must be [length], at least 1, found shape {value.shape}.")
    return value
