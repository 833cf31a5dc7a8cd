r"""Values as strict JSON: arrays, tensors, bytes and dataclasses included, NaN and infinities as null.

What becomes of a value follows seqio's encoder: an array of up to 32 elements is a list, a larger one a line of text
with its shape, dtype, first and last five elements; bytes are UTF-8 text, or base64 where they are not; a dataclass is
an object without its None fields. Unlike seqio's files these hold no `NaN` or `Infinity`, which JSON does not have: a
number that is not finite is written as null, and any JSON parser reads the result. A lone surrogate, which UTF-8 does
not have, becomes "?".

    >>> print(encode({"scores": np.array([0.5, np.nan]), "text": b"caf\xc3\xa9"}).decode())
    {"scores":[0.5,null],"text":"café"}
    >>> json_value(np.arange(40))
    'ndarray(shape=(40,), dtype=int64); summary: 0, 1, 2, 3, 4 ... 35, 36, 37, 38, 39'
"""

from __future__ import annotations

import base64
import dataclasses
import json
import re
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import orjson

from evalkit.columns import Array

MAX_ARRAY_SIZE = 32
"""An array with more elements is written as a summary (seqio's number)."""

SHOWN = 5
"""Elements that a summary shows at each end."""

NOT_SERIALIZABLE = (TypeError, ValueError, RecursionError)
"""What an encoder raises for a value that it cannot write."""

_NOT_FINITE = re.compile(r"NaN|Infinity")

Encode = Callable[[Any], bytes]
"""A function from a value to its JSON text, that raises one of `NOT_SERIALIZABLE` where it has none."""


class TensorAndNumpyEncoder(json.JSONEncoder):
    """The standard library's encoder with the conversions of `json_value`; subclass it to add your own."""

    def __init__(self, *args: Any, max_ndarray_size: int = MAX_ARRAY_SIZE, **kwargs: Any) -> None:
        """Takes JSONEncoder's arguments, and how many elements of an array are written."""
        super().__init__(*args, **kwargs)
        self.max_ndarray_size = max_ndarray_size

    def default(self, o: Any) -> Any:
        """Called by the base class for what JSON has no form of; see `json_value`."""
        return json_value(o, self.max_ndarray_size)


def json_value(value: Any, max_array_size: int = MAX_ARRAY_SIZE) -> Any:
    """What stands for `value` in JSON; its parts may need the same treatment.

    Raises:
      TypeError: nothing does.
    """
    if isinstance(value, np.ndarray):
        return _array_value(value, max_array_size)
    if isinstance(value, np.generic):
        return float(value) if isinstance(value, np.floating) or value.dtype.kind == "V" else value.item()
    if isinstance(value, bytes):
        return text_of(value)
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return dataclasses.asdict(value, dict_factory=lambda items: {k: v for k, v in items if v is not None})
    if isinstance(value, tuple):
        return list(value)  # named tuples, which orjson does not take for lists
    if hasattr(value, "numpy"):
        return value.numpy()  # TensorFlow's tensors, recognised without importing it
    if hasattr(value, "__array__"):
        return np.asarray(value)  # JAX's arrays
    raise TypeError(f"Object of type {type(value).__name__} is not JSON serializable")


def text_of(value: bytes) -> str:
    """The bytes as text, if they are UTF-8, else in base64."""
    try:
        return value.decode()
    except UnicodeDecodeError:
        return base64.b64encode(value).decode("ascii")


def _array_value(array: Array, max_array_size: int) -> Any:
    plain = plain_numbers(array)
    if array.size <= max_array_size:
        return plain.tolist()
    flat = plain.reshape(-1)
    first, last = (str(part.tolist())[1:-1] for part in (flat[:SHOWN], flat[-SHOWN:]))
    return array_summary(str(array.shape), array.dtype, first, last, type(array).__name__)


def plain_numbers(array: Array) -> Array:
    """The array with a dtype of numpy's own: bfloat16 and its like, which come with other packages, as float32."""
    return array.astype(np.float32) if array.dtype.kind == "V" and array.dtype.names is None else array


def array_summary(shape: str, dtype: np.dtype[Any], first: str, last: str, kind: str = "ndarray") -> str:
    """The line of text that stands for a large array."""
    return f"{kind}(shape={shape}, dtype={dtype}); summary: {first} ... {last}"


def encode(value: Any) -> bytes:
    """`value` as JSON, with the conversions of `json_value`.

    Raises:
      TypeError, ValueError, RecursionError: the value, or a part of it, has no JSON form.
    """
    try:
        return orjson.dumps(value, json_value, orjson.OPT_PASSTHROUGH_DATACLASS)
    except TypeError:  # an integer beyond 64 bits, a key that is no string, a lone surrogate: slower, but possible
        return encode_with(TensorAndNumpyEncoder, value)


def encode_with(encoder_cls: type[json.JSONEncoder], value: Any) -> bytes:
    """`value` as JSON, by an encoder in the manner of the standard library, made strict.

    Raises:
      TypeError, ValueError, RecursionError: the encoder cannot write the value.
    """
    text = json.dumps(value, cls=encoder_cls, ensure_ascii=False)
    if _NOT_FINITE.search(text):
        text = json.dumps(json.loads(text, parse_constant=lambda _: None), ensure_ascii=False)
    return text.encode("utf-8", "replace")


def encoder(encoder_cls: type[json.JSONEncoder]) -> Encode:
    """The function that encodes as `encoder_cls` does."""
    if encoder_cls is TensorAndNumpyEncoder:
        return encode
    return lambda value: encode_with(encoder_cls, value)


def texts_of(values: Sequence[bytes]) -> list[str]:
    """`text_of` each value."""
    try:
        return list(map(bytes.decode, values))
    except UnicodeDecodeError:
        return [text_of(value) for value in values]
