"""What a metric may return for a name: a number, or one of these where a logger needs to know more than a number.

A metric function returns `{name: value}`. Plain numbers are taken as `Scalar`; a picture, a histogram or a passage of
text is wrapped in the class that says what it is, and each logger writes the kinds that it can show. Class and field
names are seqio's, so a metric written for it needs no change.

    >>> Scalar(0.5).value, Image([[0.0]]).max_outputs, Audio([0.0]).sample_rate, Histogram([1, 2]).bins
    (0.5, 3, 44100, None)
"""

from __future__ import annotations

import abc
import dataclasses
from typing import Any, final

from evalkit import errors


class MetricValue(abc.ABC):  # noqa: B024  # a kind, told apart by class: there is no method that all kinds share
    """Base of every value kind; derive from it to hand a kind of your own to a logger of your own."""


@final
@dataclasses.dataclass(frozen=True)
class Scalar(MetricValue):
    """A number over time.

    Attributes:
      value: an int, a float, or anything with one element that `float` accepts.
    """

    value: Any


@final
@dataclasses.dataclass(frozen=True)
class Text(MetricValue):
    """A passage of text; TensorBoard renders it as markdown.

    Attributes:
      textdata: str, or UTF-8 bytes.
    """

    textdata: str | bytes


@final
@dataclasses.dataclass(frozen=True)
class Image(MetricValue):
    """Pictures, shaped as `tf.summary.image` wants them.

    Attributes:
      image: `[pictures, height, width, channels]`, floats in [0, 1] or uint8; 1 to 4 channels.
      max_outputs: how many of the pictures are written.

    Raises:
      ArgumentError: `max_outputs` is negative.
    """

    image: Any
    max_outputs: int = 3

    def __post_init__(self) -> None:
        _check_at_least("Image", "max_outputs", self.max_outputs, 0)


@final
@dataclasses.dataclass(frozen=True)
class Audio(MetricValue):
    """Sound, shaped as `tf.summary.audio` wants it.

    Attributes:
      audiodata: `[clips, frames, channels]`, floats in [-1, 1].
      sample_rate: frames per second, in hertz.
      max_outputs: how many of the clips are written.

    Raises:
      ArgumentError: `sample_rate` is not positive, or `max_outputs` is negative.
    """

    audiodata: Any
    sample_rate: int = 44100
    max_outputs: int = 3

    def __post_init__(self) -> None:
        _check_at_least("Audio", "sample_rate", self.sample_rate, 1)
        _check_at_least("Audio", "max_outputs", self.max_outputs, 0)


@final
@dataclasses.dataclass(frozen=True)
class Histogram(MetricValue):
    """A distribution of numbers.

    Attributes:
      values: numbers of any shape.
      bins: how many buckets; None leaves it to the logger.

    Raises:
      ArgumentError: `bins` is negative.
    """

    values: Any
    bins: int | None = None

    def __post_init__(self) -> None:
        if self.bins is not None:
            _check_at_least("Histogram", "bins", self.bins, 0)


@final
@dataclasses.dataclass(frozen=True)
class Generic(MetricValue):
    """A tensor for a TensorBoard plugin.

    Attributes:
      tensor: anything that becomes a tensor.
      metadata: a `tf.compat.v1.SummaryMetadata` that names the plugin.
    """

    tensor: Any
    metadata: Any


def _check_at_least(kind: str, field: str, found: int, least: int) -> None:
    if found < least:
        raise errors.ArgumentError(f"{kind}({field}={found!r}): {field} must be at least {least}.")
