"""The tensors of each kind are those that TensorFlow's own summaries have."""

from __future__ import annotations

import hypothesis
import hypothesis.extra.numpy as hnp
import hypothesis.strategies as st
import ml_dtypes
import numpy as np
import pytest
import tensorflow as tf
from tensorboard.compat.tensorflow_stub.pywrap_tensorflow import masked_crc32c
from tensorboard.plugins.histogram.summary_v2 import histogram_pb
from tensorboard.util import tensor_util

from evalkit.loggers.event_files import BLOCK, record
from evalkit.loggers.media import pixels_of, png_of, wav_of
from evalkit.loggers.summaries import buckets_of, summary_parts, tensor_proto
from evalkit.metrics import values


def array_of(value):
    return tensor_util.make_ndarray(summary_parts(value)[0])


@pytest.mark.parametrize("channels", [1, 3, 4])
def test_pictures_are_what_tensorflow_decodes(channels):
    pictures = np.random.default_rng(0).integers(0, 256, (2, 5, 7, channels)).astype(np.uint8)
    width, height, *encoded = array_of(values.Image(pictures)).tolist()
    assert (width, height) == (b"7", b"5")
    for picture, png in zip(pictures, encoded, strict=True):
        np.testing.assert_array_equal(tf.io.decode_png(png, channels), picture)


def test_a_grey_picture_with_alpha_has_both():
    picture = np.array([[[7, 255]]], np.uint8)
    np.testing.assert_array_equal(tf.io.decode_png(png_of(picture), 4), [[[7, 7, 7, 255]]])


def test_at_most_max_outputs_pictures():
    assert len(array_of(values.Image(np.zeros((5, 2, 2, 3)), max_outputs=2))) == 2 + 2
    assert len(array_of(values.Image(np.zeros((1, 2, 2, 3)), max_outputs=2))) == 2 + 1


@pytest.mark.parametrize("dtype", ["f2", "f4", "f8", "i1", "u2", "i2", "i4", "i8"])
def test_pixels_are_converted_as_tensorflow_does(dtype):
    rng = np.random.default_rng(0)
    if np.dtype(dtype).kind == "f":
        pictures = rng.uniform(-0.5, 1.5, (3, 8, 8, 1)).astype(dtype)
    else:
        info = np.iinfo(dtype)
        pictures = rng.integers(info.min, info.max, (3, 8, 8, 1), dtype)
    expected = tf.image.convert_image_dtype(pictures, tf.uint8, saturate=True)
    np.testing.assert_array_equal(pixels_of(pictures), expected)


def test_pixels_of_bfloat16_and_nan():
    pixels = pixels_of(np.array([0, 1, np.nan], ml_dtypes.bfloat16))
    assert pixels.tolist() == [0, 255, 0]


CLIPS = hnp.arrays(
    np.float32, st.tuples(st.integers(1, 20), st.integers(1, 2)), elements=st.floats(-1.5, 1.5, width=32)
)


@hypothesis.settings(max_examples=30, deadline=None)
@hypothesis.given(CLIPS)
def test_sound_is_encoded_as_tensorflow_does(clip):
    assert wav_of(clip, 16_000) == tf.audio.encode_wav(clip, 16_000).numpy()


def test_at_most_max_outputs_clips_each_with_an_empty_label():
    clips = array_of(values.Audio(np.zeros((5, 4, 2)), max_outputs=2))
    assert clips.shape == (2, 2)
    assert clips[:, 1].tolist() == [b"", b""]
    sound, rate = tf.audio.decode_wav(clips[0, 0])
    assert (sound.shape, rate) == ((4, 2), 44100)
    assert array_of(values.Audio(np.zeros((0, 4, 2)))).shape == (0, 2)


@hypothesis.settings(max_examples=50, deadline=None)
@hypothesis.given(
    hnp.arrays(np.float64, st.integers(0, 30), elements=st.integers(-50, 50).map(lambda n: n / 4)), st.integers(0, 8)
)
def test_histograms_are_tensorboards(data, bins):
    expected = tensor_util.make_ndarray(histogram_pb("tag", data, bins).value[0].tensor)
    np.testing.assert_allclose(buckets_of(data, bins), expected)


def test_a_histogram_has_thirty_buckets_unless_told():
    assert array_of(values.Histogram([[1, 2], [3, 4]])).shape == (30, 3)
    assert array_of(values.Histogram(np.arange(10), bins=2)).tolist() == [[0.0, 4.5, 5.0], [4.5, 9.0, 5.0]]


def test_a_histogram_leaves_out_what_is_not_finite(caplog):
    assert buckets_of(np.array([np.nan, 1, 2, np.inf]), 1).tolist() == [[1, 2, 2]]
    assert "2 of 4 values of a histogram are not finite and left out." in caplog.text


@pytest.mark.parametrize(
    "array",
    [
        np.arange(6, dtype=np.int32).reshape(2, 3),
        np.array(1.5),
        np.array([True, False]),
        np.zeros((0, 2), np.float32),
        np.array([1 + 2j], np.complex64),
        np.array([1, 2.5], np.float16),
        np.array([1, 2.5], ml_dtypes.bfloat16),
        np.array(["text", "é"]),
        np.array([b"a", b"\xff"], object),
    ],
)
def test_tensors_are_what_tensorflow_reads(array):
    is_text = array.dtype.kind in "UO"
    serialized = tensor_proto(array).SerializeToString()
    read = tf.io.parse_tensor(serialized, tf.string if is_text else array.dtype).numpy()
    if is_text:
        array = np.array([text if isinstance(text, bytes) else text.encode() for text in array], object)
    np.testing.assert_array_equal(read, array)
    assert read.dtype == array.dtype


@hypothesis.given(st.binary(max_size=40))
def test_records_have_tensorboards_checksums(data):
    assert record(data)[-4:] == masked_crc32c(data).to_bytes(4, "little")


@pytest.mark.parametrize("size", [BLOCK - 1, BLOCK, BLOCK + 1, BLOCK + 3, 3 * BLOCK + 2])
def test_checksums_of_several_blocks(size):
    data = np.random.default_rng(size).bytes(size)
    assert record(data)[-4:] == masked_crc32c(data).to_bytes(4, "little")
