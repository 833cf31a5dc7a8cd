"""Metric values as TensorBoard's summaries: a tensor, and metadata that names the plugin which shows it.

The tensors are those that `tf.summary` makes (tensorboard/plugins/*/summary_v2.py), computed with numpy: a scalar costs
some microseconds instead of an eager operation's hundreds. Scalars are float32, NaN and infinities included, which
TensorBoard shows as such.
"""

from __future__ import annotations

import functools
from typing import Any

import numpy as np
from absl import logging
from tensorboard.compat.proto import types_pb2
from tensorboard.compat.proto.summary_pb2 import SummaryMetadata
from tensorboard.compat.proto.tensor_pb2 import TensorProto
from tensorboard.plugins.audio import metadata as audio_plugin
from tensorboard.plugins.histogram import metadata as histogram_plugin
from tensorboard.plugins.image import metadata as image_plugin
from tensorboard.plugins.scalar import metadata as scalar_plugin
from tensorboard.plugins.text import metadata as text_plugin

from evalkit.columns import Array
from evalkit.loggers.media import pixels_of, png_of, wav_of
from evalkit.metrics.values import Audio, Generic, Histogram, Image, Scalar, Text

Parts = tuple[TensorProto, SummaryMetadata]
"""What a summary consists of besides its tag."""

DEFAULT_BINS = 30
"""Buckets of a histogram that does not say (TensorBoard's number)."""

_SCALARS = scalar_plugin.create_summary_metadata(display_name=None, description=None)
_TEXT = text_plugin.create_summary_metadata(display_name=None, description=None)
_IMAGES = image_plugin.create_summary_metadata(display_name=None, description=None)
_HISTOGRAMS = histogram_plugin.create_summary_metadata(display_name=None, description=None)
_AUDIO = audio_plugin.create_summary_metadata(
    display_name=None, description=None, encoding=audio_plugin.Encoding.Value("WAV")
)


@functools.singledispatch
def summary_parts(value: Any) -> Parts:
    """The tensor and the metadata that stand for a metric value.

    Raises:
      TypeError: the value is of no kind that TensorBoard shows, or holds something of the wrong type.
      ValueError: the value's array has a shape that its kind does not allow.
    """
    raise TypeError(
        f"values of type {type(value).__name__} are not understood; return a number or one of "
        "Scalar, Text, Image, Audio, Histogram, Generic (evalkit.metrics.values)"
    )


@summary_parts.register
def _(value: Scalar) -> Parts:
    number = value.value if isinstance(value.value, (int, float)) else np.asarray(value.value).item()
    return TensorProto(dtype=types_pb2.DT_FLOAT, float_val=[number]), _SCALARS


@summary_parts.register
def _(value: Text) -> Parts:
    if not isinstance(value.textdata, (str, bytes)):
        raise TypeError(f"`textdata` should be of the type `str` or `bytes`, found {type(value.textdata).__name__}")
    return tensor_proto(np.array(value.textdata, object)), _TEXT


@summary_parts.register
def _(value: Image) -> Parts:
    pictures = pixels_of(_with_rank(value.image, 4, "[pictures, height, width, channels]"))
    _, height, width, channels = pictures.shape
    if not 1 <= channels <= 4:
        raise ValueError(f"a picture has 1 to 4 channels, found {channels} (shape {pictures.shape})")
    encoded = [png_of(picture) for picture in pictures[: value.max_outputs]]
    return tensor_proto(np.array([str(width).encode(), str(height).encode(), *encoded], object)), _IMAGES


@summary_parts.register
def _(value: Audio) -> Parts:
    clips = _with_rank(value.audiodata, 3, "[clips, frames, channels]")[: value.max_outputs]
    encoded = [[wav_of(clip, value.sample_rate), b""] for clip in clips]  # each with its label, which is empty
    return tensor_proto(np.array(encoded, object).reshape(-1, 2)), _AUDIO


@summary_parts.register
def _(value: Histogram) -> Parts:
    bins = DEFAULT_BINS if value.bins is None else value.bins
    return tensor_proto(buckets_of(np.asarray(value.values, np.float64).reshape(-1), bins)), _HISTOGRAMS


@summary_parts.register
def _(value: Generic) -> Parts:
    serialize = getattr(value.metadata, "SerializeToString", None)
    if serialize is None:
        raise TypeError(f"the metadata of a Generic must be a SummaryMetadata, found {type(value.metadata).__name__}")
    return tensor_proto(np.asarray(value.tensor)), SummaryMetadata.FromString(serialize())


def _with_rank(array: Any, rank: int, dimensions: str) -> Array:
    found = np.asarray(array)
    if found.ndim != rank:
        raise ValueError(f"an array of shape {dimensions} was expected, found {found.shape}")
    return found


def buckets_of(values: Array, bins: int) -> Array:
    """`[bins, 3]`: left edge, right edge and count of equal buckets between the least and the greatest value.

    Numbers that are not finite belong to no bucket and are left out, with a warning. Without values all is zero; where
    all values are equal, the last bucket has them.
    """
    finite = values[np.isfinite(values)]
    if len(finite) < len(values):
        logging.warning(
            "%d of %d values of a histogram are not finite and left out.", len(values) - len(finite), len(values)
        )
    if bins == 0 or len(finite) == 0:
        return np.zeros((bins, 3))
    low, high = finite.min(), finite.max()
    edges = np.linspace(low, high, bins + 1)
    width = (high - low) / bins
    bucket = np.minimum((finite - low) / width, bins - 1).astype(np.int64) if width else np.full(len(finite), bins - 1)
    return np.stack([edges[:-1], edges[1:], np.bincount(bucket, minlength=bins)], axis=1)


def tensor_proto(array: Array) -> TensorProto:
    """The array as TensorBoard stores it; text is an object array of str or bytes.

    Raises:
      TypeError: TensorBoard's tensors have no such dtype.
    """
    proto = TensorProto()
    for size in array.shape:
        proto.tensor_shape.dim.add(size=size)
    if array.dtype.kind in "OSU":
        proto.dtype = types_pb2.DT_STRING
        texts = array.reshape(-1).tolist()
        proto.string_val.extend(text if isinstance(text, bytes) else text.encode() for text in texts)
    else:
        proto.dtype = _type_of(array.dtype)
        proto.tensor_content = array.tobytes()
    return proto


_TYPES = {"float16": types_pb2.DT_HALF, "float32": types_pb2.DT_FLOAT, "float64": types_pb2.DT_DOUBLE}


def _type_of(dtype: np.dtype[Any]) -> int:
    """TensorFlow's number of a dtype: its names are numpy's in capitals, but for the commonest."""
    try:
        return _TYPES.get(dtype.name) or int(types_pb2.DataType.Value(f"DT_{dtype.name.upper()}"))
    except ValueError as error:
        raise TypeError(f"an array of dtype {dtype} cannot be written") from error
