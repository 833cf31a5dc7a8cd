"""What a decoder reads while it predicts: the targets, one step late.

The input at each position is the target before it, and at the first position of every sequence, `bos_id`. In packed
rows a sequence begins wherever the segment id changes. The convention is Mesh TensorFlow's (`autoregressive_inputs` in
`mesh_tensorflow/transformer/transformer.py`), which T5 and seqio follow.
"""

from __future__ import annotations

import tensorflow as tf

from evalkit.errors import FeatureError, with_remedy


def make_autoregressive_inputs(
    targets: tf.Tensor,
    sequence_id: tf.Tensor | None = None,
    output_dtype: tf.DType | None = None,
    bos_id: int = 0,
) -> tf.Tensor:
    """The decoder inputs for one row of targets.

    Args:
      targets: numbers, `[length]` or, where they are not packed, `[length, ...]`.
      sequence_id: for packed targets, integers `[length]` that differ between adjoining sequences; 0 is padding. The
        first position of padding gets `bos_id` too.
      output_dtype: of the result; that of `targets` by default.
      bos_id: what comes before the first target of a sequence.

    Returns:
      A tensor of the shape of `targets`.

    Raises:
      FeatureError: `targets` are not numbers, or `sequence_id` are not integers, or packed targets have more than one
        dimension.

    Example:
      >>> make_autoregressive_inputs(tf.constant([3, 8, 1, 9, 1, 0]), tf.constant([1, 1, 1, 2, 2, 0])).numpy().tolist()
      [0, 3, 8, 0, 9, 0]
    """
    if sequence_id is not None and targets.shape.rank is not None and targets.shape.rank > 1:
        raise with_remedy(
            FeatureError(
                f"Only 1-D sequences are supported with packing. Got a packed {targets.shape.rank}-D sequence."
            ),
            f"The targets have the shape {targets.shape}; make the inputs of each row by itself, or leave "
            "sequence_id out.",
        )
    return shifted_inputs(targets, sequence_id, output_dtype, bos_id, axis=0)


def shifted_inputs(
    targets: tf.Tensor, sequence_id: tf.Tensor | None, output_dtype: tf.DType | None, bos_id: int, axis: int
) -> tf.Tensor:
    """`make_autoregressive_inputs` along any `axis`; `sequence_id`, where given, has the shape of `targets`.

    Raises:
      FeatureError: `targets` are not numbers, or `sequence_id` are not integers.
    """
    if sequence_id is not None and not sequence_id.dtype.is_integer:
        raise FeatureError(
            "The sequence_id should be integer-valued tensors for a packed dataset. "
            f"Got {sequence_id.dtype.name}, expected int32 or another integer type."
        )
    dtype = output_dtype or targets.dtype
    inputs = tf.cast(shift_right_by_one(targets, bos_id, axis=axis), dtype)
    if sequence_id is None:
        return inputs
    begins = tf.not_equal(sequence_id, shift_right_by_one(sequence_id, axis=axis))
    return tf.where(begins, tf.cast(bos_id, dtype), inputs)


def shift_right_by_one(tensor: tf.Tensor, bos_id: int = 0, axis: int = 0) -> tf.Tensor:
    """Moves numbers one position on along `axis`; the last is dropped, and `bos_id` comes first. Keeps the shape.

    Raises:
      FeatureError: `tensor` does not hold numbers.

    Example:
      >>> shift_right_by_one(tf.constant([[1, 2], [3, 4]]), bos_id=9).numpy().tolist()
      [[9, 9], [1, 2]]
    """
    if not (tensor.dtype.is_integer or tensor.dtype.is_floating):
        raise FeatureError(f"Only numeric types are supported. Got: {tensor.dtype.name}, expected integers or floats.")
    before = [[1 if dimension == axis else 0, 0] for dimension in range(tensor.shape.rank)]
    longer = tf.pad(tensor, before, constant_values=tf.cast(bos_id, tensor.dtype))
    shifted = tf.slice(longer, [0] * tensor.shape.rank, tf.shape(tensor))
    shifted.set_shape(tensor.shape)
    return shifted
