"""Pictures as PNG and sound as WAV, with the standard library."""

from __future__ import annotations

import io
import struct
import wave
import zlib

import numpy as np

from evalkit.columns import Array
from evalkit.loggers.json_encoding import plain_numbers

_COLOR_TYPES = {1: 0, 2: 4, 3: 2, 4: 6}
"""PNG's number for grey, grey with alpha, RGB and RGBA, by the number of channels."""


def pixels_of(pictures: Array) -> Array:
    """The pictures as uint8, as `tf.image.convert_image_dtype(pictures, tf.uint8, saturate=True)` converts them.

    uint8 stays as it is. Floats in [0, 1] are spread over 0 to 255, and what is outside of them is cut off. Integers of
    other types are scaled by the ratio of the types' ranges: int64 values from 0 to 255 are all black.

    Raises:
      TypeError: the pictures are no numbers.
    """
    pictures = plain_numbers(pictures)
    if pictures.dtype == np.uint8:
        return pictures
    if pictures.dtype.kind == "f":
        scaled = np.nan_to_num(pictures) * pictures.dtype.type(255.5)
    elif pictures.dtype == np.int8:
        scaled = pictures.astype(np.int16) * 2
    elif pictures.dtype.kind in "iu":
        scaled = pictures // ((int(np.iinfo(pictures.dtype).max) + 1) // 256)
    else:
        raise TypeError(f"a picture has uint8 values or floats in [0, 1], found {pictures.dtype}")
    pixels: Array = np.clip(scaled, 0, 255).astype(np.uint8)
    return pixels


def png_of(picture: Array) -> bytes:
    """A uint8 picture `[height, width, 1 to 4 channels]` as a PNG file (https://www.w3.org/TR/png/)."""
    height, width, channels = picture.shape
    header = struct.pack(">IIBBBBB", width, height, 8, _COLOR_TYPES[channels], 0, 0, 0)
    unfiltered = np.zeros((height, 1 + width * channels), np.uint8)  # each line begins with the number of its filter, 0
    unfiltered[:, 1:] = picture.reshape(height, -1)
    chunks = [(b"IHDR", header), (b"IDAT", zlib.compress(unfiltered.tobytes())), (b"IEND", b"")]
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data)) for kind, data in chunks
    )


def wav_of(clip: Array, sample_rate: int) -> bytes:
    """Floats `[frames, channels]` in [-1, 1] as a WAV file of 16-bit samples, rounded as `tf.audio.encode_wav` does."""
    scaled = clip.astype(np.float32) * np.float32(1 << 15)
    samples = np.clip(np.trunc(scaled + np.copysign(np.float32(0.5), scaled)), -(1 << 15), (1 << 15) - 1)
    buffer = io.BytesIO()
    with wave.open(buffer, "wb") as file:
        file.setnchannels(clip.shape[1])
        file.setsampwidth(2)
        file.setframerate(sample_rate)
        file.writeframes(samples.astype("<i2").tobytes())
    return buffer.getvalue()
