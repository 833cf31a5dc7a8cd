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
from evalkit.transforms.lengths import trim
from evalkit.transforms.windows import Window, fits_windows, map_windows, select, take_apart

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
    groups = _trimmed(dataset, lengths).padded_batch(group)
    packed = groups.map(
        tf.autograph.experimental.do_not_convert(lambda features: _pack(features, lengths, group)),
        num_parallel_calls=tf.data.AUTOTUNE,
    )
    return take_apart(packed)


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


def _trimmed(dataset: tf.data.Dataset, lengths: Mapping[str, int]) -> tf.data.Dataset:
    """The features to be packed, cut and cast, possibly with more padding at the end than they had."""
    chosen = select(dataset, list(lengths))

    def trim_and_cast(features: Window, *, dimensions: int) -> Window:
        limits = {name: (*[None] * dimensions, length) for name, length in lengths.items()}
        return {name: tf.cast(trim(value, limits[name]), tf.int32) for name, value in features.items()}

    if fits_windows(chosen.element_spec, {name: (length,) for name, length in lengths.items()}):
        return map_windows(chosen, lambda window: trim_and_cast(window, dimensions=1), list(lengths))
    one_by_one = tf.autograph.experimental.do_not_convert(lambda example: trim_and_cast(example, dimensions=0))
    return chosen.map(one_by_one, num_parallel_calls=tf.data.AUTOTUNE)


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
    firsts = tf.where(begins)[:, 0]  # [rows]: the example each row begins with
    rows = tf.cumsum(tf.cast(begins, tf.int32)) - 1  # [examples]: the row each example is in
    counts = tf.cast(_has_tokens(sequences), tf.int32)
    segments = _since_row_began(tf.cumsum(counts, exclusive=True), rows, firsts) + 1
    packed = {}
    for name, (tokens, examples, positions, _, starts) in sequences.items():
        columns = tf.gather(_since_row_began(starts[:-1], rows, firsts), examples) + positions
        places = tf.stack([tf.gather(rows, examples), columns], axis=1)
        values = tf.stack([tokens, tf.gather(segments, examples), positions], axis=1)
        written = tf.scatter_nd(places, values, [tf.size(firsts), lengths[name], 3])
        packed[name], packed[f"{name}_segment_ids"], packed[f"{name}_positions"] = tf.unstack(written, axis=2)
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


def _has_tokens(sequences: Mapping[str, _Sequences]) -> tf.Tensor:
    """Whether an example has tokens in any feature: bool `[examples]`. One that has none is no segment."""
    return tf.reduce_any(tf.stack([sequence.lengths > 0 for sequence in sequences.values()]), axis=0)


def _since_row_began(totals: tf.Tensor, rows: tf.Tensor, firsts: tf.Tensor) -> tf.Tensor:
    """Running totals `[examples]`, counted from the beginning of each row."""
    return totals - tf.gather(tf.gather(totals, firsts), rows)
