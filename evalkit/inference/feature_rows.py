"""From the features that a converter makes to rows with spans.

The Evaluator hands a model function what a `FeatureConverter` made: target tokens, the same one step late as inputs of
the decoder, and weights that say which of the targets count. Those are the tokens of a row, and where its span lies;
padding behind the last weight is dropped. Converters for encoder–decoders, language models and prefix language models
share these names.

    >>> features = {
    ...     "decoder_target_tokens": np.array([7, 8, 3, 9, 0]),
    ...     "decoder_input_tokens": np.array([0, 7, 8, 3, 9]),
    ...     "decoder_loss_weights": np.array([0, 0, 1, 1, 0]),
    ... }
    >>> examples = rows_of_features([(0, features)])
    >>> examples.rows.tokens.row(0).tolist(), examples.rows.starts.tolist(), examples.rows.ends.tolist()
    ([0, 7, 8, 3, 9], [3], [5])
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

import numpy as np

from evalkit.columns import Array, Ragged, offsets
from evalkit.errors import FeatureError
from evalkit.inference.spans import Rows

_TARGETS, _INPUTS, _WEIGHTS = "decoder_target_tokens", "decoder_input_tokens", "decoder_loss_weights"
_ENCODER = "encoder_input_tokens"


class FeatureRows(NamedTuple):
    """Examples as rows.

    Attributes:
      indices: the index of each example.
      rows: from the first to the last token of each that has a weight.
      counted: bool, row by row, which tokens of the span have one.
    """

    indices: list[int]
    rows: Rows
    counted: Ragged


def examples_of(dataset: Any) -> Iterator[tuple[Any, Mapping[str, Any]]]:
    """The examples of `dataset`, pairs of index and features: of a `tf.data.Dataset`, or of anything iterable."""
    read = getattr(dataset, "as_numpy_iterator", None)
    yield from dataset if read is None else read()


def rows_of_features(dataset: Any) -> FeatureRows:
    """Reads all examples of an enumerated dataset; those of a negative index are filler and are dropped.

    Args:
      dataset: of `(index, {feature: [length]})`, as the Evaluator gives it.

    Raises:
      FeatureError: a feature is missing, of another rank or length, or packed; or the decoder's inputs are not its
        targets one step late; or no target has a weight. The message has the index.
    """
    indices: list[int] = []
    tokens: list[Array] = []
    spans: list[tuple[int, int]] = []
    counted: list[Array] = []
    inputs: list[Array] = []
    for index, features in examples_of(dataset):
        if index < 0:
            continue
        row, weighted = _row(int(index), features)
        indices.append(int(index))
        tokens.append(row)
        spans.append((int(np.argmax(weighted)) + 1, len(row)))
        counted.append(weighted[spans[-1][0] - 1 :])
        if _ENCODER in features:
            inputs.append(_without_padding(np.asarray(features[_ENCODER])))
    if inputs and len(inputs) != len(tokens):
        raise FeatureError(f"{_ENCODER} is a feature of {len(inputs)} of {len(tokens)} examples; it must be of all.")
    starts, ends = np.array(spans, np.int64).reshape(-1, 2).T
    rows = Rows(_ragged(tokens, np.int32), starts, ends, _ragged(inputs, np.int32) if inputs else None)
    return FeatureRows(indices, rows, _ragged(counted, bool))


def _row(index: int, features: Mapping[str, Any]) -> tuple[Array, Array]:
    """The tokens of an example up to the last that counts, with the one before the first; and which of them count."""
    targets, late, weights = (_vector(index, name, features) for name in (_TARGETS, _INPUTS, _WEIGHTS))
    if not len(targets) == len(late) == len(weights):
        raise FeatureError(
            f"Example {index}: {_TARGETS}, {_INPUTS} and {_WEIGHTS} must be of one length; found {len(targets)}, "
            f"{len(late)} and {len(weights)}."
        )
    segments = features.get("decoder_segment_ids")
    if segments is not None and np.max(segments, initial=0) > 1:
        raise FeatureError(f"Example {index} is packed; convert with pack=False, so that each example has a row.")
    places = np.flatnonzero(weights > 0)
    if not len(places):
        raise FeatureError(f"Example {index}: none of its {len(targets)} {_WEIGHTS} is positive; nothing to score.")
    end = int(places[-1]) + 1
    row = np.concatenate([late[:1], targets[:end]])
    wrong = np.flatnonzero(late[:end] != row[:-1])
    if len(wrong):
        raise FeatureError(
            f"Example {index}: {_INPUTS}[{wrong[0]}] is {late[wrong[0]]}, and the target before it is "
            f"{row[wrong[0]]}. The inputs of the decoder must be its targets one step late."
        )
    return row, weights[:end] > 0


def _vector(index: int, name: str, features: Mapping[str, Any]) -> Array:
    if name not in features:
        raise FeatureError(
            f"Example {index} has no feature {name!r}, by which it would be scored; it has {sorted(features)}. Which "
            "feature converter does the Evaluator have?"
        )
    value = np.asarray(features[name])
    if value.ndim != 1:
        raise FeatureError(f"Example {index}: {name} must be [length], found shape {value.shape}.")
    return value


def _without_padding(inputs: Array) -> Array:
    """Without the zeros at the end, which is how converters pad."""
    present = np.flatnonzero(inputs)
    return inputs[: present[-1] + 1 if len(present) else 0]


def _ragged(rows: list[Array], dtype: Any) -> Ragged:
    splits = offsets(np.fromiter(map(len, rows), np.int64, len(rows)))
    return Ragged(np.concatenate([*rows, np.zeros(0, dtype)]).astype(dtype), splits)
