"""Packing: several short examples in one row of fixed length, so that a model computes on tokens and not on padding.

Examples are taken in order. Each goes into the current row if every one of its features fits behind what the row holds
already; else the row is finished and the example begins the next one. Examples are looked at in groups of as many as
the longest feature is long, and the last row of a group is finished with its group, so groups are independent and are
packed in parallel. These are seqio's rows and groups (`trim_and_pack_dataset` in `seqio/utils.py`, 0.0.20), with three
differences, each where seqio loses something:

* Padding is the zeros at the *end* of a sequence. A zero within it is kept and belongs to its segment; seqio keeps only
  as many leading elements as the sequence has nonzero ones, and so drops a token off the end for every zero.
* The segment ids of all features count the same examples. In seqio a sequence that is empty in one feature is not
  counted there, and from then on segment 2 of `inputs` stands against segment 2 of another example's `targets`.
* Packing floats is refused; seqio truncates them to integers.

No loop runs over examples. How far a row reaches that begins at example `i` follows from the running totals by binary
search, for all `i` at once; which examples do begin rows follows by doubling jumps along these reaches, in
`log2(group)` steps; and since the examples of a row adjoin, a row is a slice of the tokens end to end. Everything is
TensorFlow operations, so an iterator over packed examples can be checkpointed.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import Any, NamedTuple

import tensorflow as tf

from evalkit.errors import ArgumentError, FeatureError
from evalkit.transforms.lengths import pad, trim
from evalkit.transforms.windows import Window, fits_windows, map_dataset, select, take_apart, windows_of

_log = logging.getLogger(__name__)


def trim_and_pack_dataset(
    dataset: tf.data.Dataset, feature_lengths: Mapping[str, int], use_custom_ops: bool = False
) -> tf.data.Dataset:
    """Packs examples into rows, each feature cut to its length first.

    Args:
      dataset: examples as dictionaries, whose features are integers `[length]`, 0 at the end being padding.
      feature_lengths: the lengths of the rows, by feature; other features are dropped.
      use_custom_ops: must be False; it is there because seqio has it, for operations of Tensor2Tensor.

    Returns:
      A dataset of rows: for each feature `f`, int32 tensors of its length: `f`, the tokens; `f_segment_ids`, which
      example of the row each comes from, counted from 1 (0 is padding); `f_positions`, its position in that example.

    Raises:
      ArgumentError: `use_custom_ops` is true, or a length is not positive.
      FeatureError: a feature is missing, is not one-dimensional, or does not hold integers.

    Example:
      >>> examples = tf.data.Dataset.from_tensor_slices({"inputs": tf.ragged.constant([[8, 7, 1], [2, 1], [5, 5, 1]])})
      >>> for row in trim_and_pack_dataset(examples, {"inputs": 6}).as_numpy_iterator():
      ...     print(row["inputs"], row["inputs_segment_ids"], row["inputs_positions"])
      [8 7 1 2 1 0] [1 1 1 2 2 0] [0 1 2 0 1 0]
      [5 5 1 0 0 0] [1 1 1 0 0 0] [0 1 2 0 0 0]
    """
    if use_custom_ops:
        raise ArgumentError(
            "use_custom_ops=True asks for Tensor2Tensor's packing operations, which evalkit does not have. "
            "Leave it False: packing here is done in vectorised TensorFlow operations."
        )
    lengths = {name: int(length) for name, length in feature_lengths.items()}
    _check_packable(dataset.element_spec, lengths)
    group = max(lengths.values())
    groups = _groups(dataset, lengths, group)
    return take_apart(map_dataset(groups, lambda features: _pack(features, lengths, group)))


def _check_packable(element_spec: Mapping[str, Any], lengths: Mapping[str, int]) -> None:
    for name, length in lengths.items():
        if name not in element_spec:
            raise FeatureError(
                f"Feature {name!r}, which is to be packed, is not in the dataset. It has: {sorted(element_spec)}."
            )
        spec = element_spec[name]
        if not spec.shape.is_compatible_with([None]):
            raise FeatureError(
                f"Features to be packed must be one-dimensional. Feature {name!r} has shape {spec.shape}. "
                "Convert without packing (pack=False)."
            )
        if not spec.dtype.is_integer:
            raise FeatureError(
                f"Features to be packed must hold integers. Feature {name!r} has dtype {spec.dtype.name}. "
                "Convert without packing (pack=False)."
            )
        if length < 1:
            raise ArgumentError(f"Feature {name!r} is to be packed to length {length}; expected at least 1.")
    dropped = sorted(set(element_spec) - set(lengths))
    if dropped:
        _log.info("Packing drops the features that have no length: %s.", dropped)


def _groups(dataset: tf.data.Dataset, lengths: Mapping[str, int], group: int) -> tf.data.Dataset:
    """The features to be packed, cut and cast, of `group` examples at a time: `[group, any]`, padded with zeros."""
    chosen = select(dataset, list(lengths))

    def cut(example: Window) -> Window:
        return {name: tf.cast(trim(value, lengths[name]), tf.int32) for name, value in example.items()}

    def bring_to_length(window: Window) -> Window:
        limits = {name: (None, length) for name, length in lengths.items()}
        return {name: tf.cast(pad(trim(value, limits[name]), limits[name]), tf.int32) for name, value in window.items()}

    if fits_windows(chosen.element_spec, {name: (length,) for name, length in lengths.items()}):
        return map_dataset(windows_of(chosen, list(lengths)), bring_to_length).rebatch(group)
    return map_dataset(chosen, cut).padded_batch(group)


class _Sequences(NamedTuple):
    """One feature of a group of examples, without padding, as int32.

    `tokens`, `examples` and `positions` are `[total]`: every token, which example it is of, and where in it. `lengths`
    is `[examples]`, `starts` `[examples + 1]`: how many tokens come before each example, and last how many there are.
    """

    tokens: tf.Tensor
    examples: tf.Tensor
    positions: tf.Tensor
    lengths: tf.Tensor
    starts: tf.Tensor


def _pack(features: Window, lengths: Mapping[str, int], group: int) -> Window:
    """The rows of one group of examples: `features` are `[examples, longest]`, results `[rows, length]`."""
    sequences = {name: _sequences(features[name]) for name in lengths}
    begins = _row_begins(sequences, lengths, group)
    bounds = tf.concat([tf.where(begins)[:, 0], tf.shape(begins, tf.int64)], axis=0)  # [rows + 1], in examples
    segments = _segments(sequences, begins)
    packed = {}
    for name, (tokens, examples, positions, _, starts) in sequences.items():
        splits = tf.gather(starts, bounds)
        parts = {name: tokens, f"{name}_segment_ids": tf.gather(segments, examples), f"{name}_positions": positions}
        for key, values in parts.items():
            rows = tf.RaggedTensor.from_row_splits(values, splits, validate=False)
            packed[key] = rows.to_tensor(shape=[None, lengths[name]])
    return packed


def _sequences(padded: tf.Tensor) -> _Sequences:
    """Takes the padding off `padded`, int32 `[examples, longest]`."""
    ends = tf.range(1, tf.shape(padded)[1] + 1)
    lengths = tf.reduce_max(tf.where(tf.not_equal(padded, 0), ends, 0), axis=1)
    lengths = tf.maximum(lengths, 0)  # the maximum of nothing is the least integer
    places = tf.where(ends <= lengths[:, None])
    examples, positions = tf.unstack(tf.cast(places, tf.int32), axis=1)
    starts = tf.pad(tf.cumsum(lengths), [[1, 0]])
    return _Sequences(tf.gather_nd(padded, places), examples, positions, lengths, starts)


def _row_begins(sequences: Mapping[str, _Sequences], lengths: Mapping[str, int], group: int) -> tf.Tensor:
    """Whether a row begins with this example: bool `[examples]`."""
    reaches = [
        tf.searchsorted(sequence.starts, sequence.starts + lengths[name], side="right") - 1
        for name, sequence in sequences.items()
    ]
    jump = tf.reduce_min(tf.stack(reaches), axis=0)  # [examples + 1]: the first example of the row after
    count = tf.size(jump)
    begins = tf.one_hot(0, count, dtype=tf.int32)
    for _ in range(group.bit_length()):  # after k rounds: every beginning less than 2**k rows on
        begins = tf.maximum(begins, tf.math.unsorted_segment_max(begins, jump, count))
        jump = tf.gather(jump, jump)
    return tf.cast(begins[:-1], tf.bool)


def _segments(sequences: Mapping[str, _Sequences], begins: tf.Tensor) -> tf.Tensor:
    """The number of each example within its row, from 1: int32 `[examples]`. Those without tokens do not count."""
    has_tokens = tf.reduce_any(tf.stack([sequence.lengths > 0 for sequence in sequences.values()]), axis=0)
    before = tf.cumsum(tf.cast(has_tokens, tf.int32), exclusive=True)
    rows = tf.cumsum(tf.cast(begins, tf.int32)) - 1
    return before - tf.gather(tf.gather(before, tf.where(begins)[:, 0]), rows) + 1
