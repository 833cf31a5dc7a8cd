"""Joining inputs and targets into one sequence, and remembering where the inputs end.

Each position of the joined sequence carries the number of inputs plus one, as "inputs_width_add_pos"; because that is
never 0, padding and packing treat it exactly as the tokens beside it. "inputs_width", without the one, is made from it
afterwards. (seqio has the same two features at the same place, and converters written for it read them.)
"""

from __future__ import annotations

import functools
from collections.abc import Collection, Mapping, Sequence
from typing import Any

import tensorflow as tf

from evalkit.transforms.lengths import dimension_lengths
from evalkit.transforms.windows import Window, fits_windows, map_dataset, map_windows, over_windows, select

ADD_POS, WIDTH, SUFFIX_CODE = "inputs_width_add_pos", "inputs_width", "target_suffix_weights"
_END = tf.int32.min  # pads windows of int32 tokens, so that a token 0 at the end of an example is not lost


def join_dataset(
    ds: tf.data.Dataset, lengths: Mapping[str, Any], parts: Sequence[str], kept: Collection[str], *, packed: bool
) -> tf.data.Dataset:
    """Joins the features `parts` (the first being the inputs) of every example into "targets".

    Args:
      ds: examples with these features, int32 `[length]`.
      lengths: the lengths of all task features, those of `kept` included.
      parts: the features to join, in order.
      kept: other features to keep.
      packed: whether the result will be packed, which strips zeros off its end: then the sequence ends with its last
        token that is not 0. Else it ends where it ends, and empty targets count as one padding token (as in seqio).

    Returns:
      Examples with "targets", "inputs_width_add_pos", for three parts "target_suffix_weights" (2 on what a suffix-only
      loss counts, 1 before), and `kept`; possibly with zeros at their ends.
    """
    names = [*parts, *kept]
    join = functools.partial(_join, parts, kept, packed)
    chosen = select(ds, names)
    if fits_windows(chosen.element_spec, {name: dimension_lengths(lengths[name]) for name in names}):
        return map_windows(chosen, join, names, dict.fromkeys(parts, _END))
    return map_dataset(chosen, over_windows(join))


def joined_lengths(lengths: Mapping[str, Any], kept: Collection[str], *, suffixes: bool = False) -> dict[str, Any]:
    """The lengths of what `join_dataset` returns: of the sequence, that of all task features but `kept` together."""
    total = sum(length for name, length in lengths.items() if name not in kept)
    names = ["targets", ADD_POS, *([SUFFIX_CODE] if suffixes else ())]
    return dict.fromkeys(names, total) | {name: lengths[name] for name in kept}


@over_windows
def add_widths(window: Window) -> Window:
    """Adds "inputs_width", the number of inputs, to rows that have "inputs_width_add_pos"."""
    return {**window, WIDTH: tf.maximum(window[ADD_POS] - 1, 0)}


def _join(parts: Sequence[str], kept: Collection[str], packed: bool, window: Window) -> Window:
    tokens, (inputs, *others) = _end_to_end([window[name] for name in parts])
    positions = tf.range(tf.shape(tokens)[1])
    if packed:
        ends = tf.reduce_max(tf.where(tf.not_equal(tokens, 0), positions + 1, 0), axis=1, keepdims=True)
    else:
        ends = inputs + tf.maximum(tf.add_n(others), 1)
    within = positions < ends
    joined = {"targets": tokens, ADD_POS: tf.where(within, inputs + 1, 0), **{name: window[name] for name in kept}}
    if len(others) > 1:
        targets, suffixes = others
        begin = tf.where(suffixes > 0, inputs + targets, inputs)
        joined[SUFFIX_CODE] = tf.where(within, tf.where(positions >= begin, 2, 1), 0)
    return joined


def _end_to_end(parts: list[tf.Tensor]) -> tuple[tf.Tensor, list[tf.Tensor]]:
    """Rows of which each is that of every part, without their ends; and the lengths of the parts, `[examples, 1]`.

    The rows are `[examples, any]`, padded with zeros, at least one.
    """
    lengths = [tf.reduce_sum(tf.cast(tf.not_equal(part, _END), tf.int32), axis=1, keepdims=True) for part in parts]
    side_by_side = tf.concat(parts, axis=1)
    positions = tf.range(tf.shape(side_by_side)[1])
    begin, column, sources = tf.zeros_like(lengths[0]), 0, tf.zeros_like(side_by_side)
    for part, length in zip(parts, lengths, strict=True):
        sources = tf.where(positions >= begin, positions - begin + column, sources)
        begin, column = begin + length, column + tf.shape(part)[1]
    within = positions < begin
    joined = tf.where(within, tf.gather(side_by_side, tf.where(within, sources, 0), batch_dims=1), 0)
    return tf.pad(joined, [[0, 0], [0, 1]]), lengths
