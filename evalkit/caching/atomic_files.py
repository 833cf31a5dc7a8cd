"""Writing files under a temporary name and renaming them, wherever TensorFlow's file systems reach."""

from __future__ import annotations

import contextlib
import json
import os
import uuid
from collections.abc import Iterator, Mapping
from typing import Any

import tensorflow as tf

from evalkit.data.sources.tensorflow_messages import sentence
from evalkit.errors import CacheError


def json_text(content: Mapping[str, Any]) -> str:
    """The content of a JSON file: the same text for the same content.

    >>> print(json_text({"b": 1, "a": "text"}), end="")
    {
      "a": "text",
      "b": 1
    }
    """
    return json.dumps(content, sort_keys=True, indent=2, allow_nan=False) + "\n"


def write_text(path: str, text: str, scratch: str) -> None:
    """Makes `path` a file with this text, at once.

    Args:
      path: the file.
      text: its content.
      scratch: a folder on the same file system, where the text is written first. An interruption may leave it there.

    Raises:
      CacheError: it cannot be written.
    """
    temporary = os.path.join(scratch, f"{uuid.uuid4().hex}.tmp")
    with writing(path):
        tf.io.gfile.makedirs(scratch)
        with tf.io.gfile.GFile(temporary, "w") as file:
            file.write(text)
        tf.io.gfile.rename(temporary, path, overwrite=True)


def remove(path: str) -> None:
    """Removes a file, or a folder with all that is in it, if it is there.

    Raises:
      CacheError: it cannot be removed.
    """
    with writing(path), contextlib.suppress(tf.errors.NotFoundError):
        if tf.io.gfile.isdir(path):
            tf.io.gfile.rmtree(path)
        else:
            tf.io.gfile.remove(path)


@contextlib.contextmanager
def writing(path: str) -> Iterator[None]:
    """Turns TensorFlow's errors of the block into a CacheError that names `path`."""
    try:
        yield
    except tf.errors.OpError as error:
        raise CacheError(
            f"Cannot write {path}: {sentence(error.message)}. Is there space, and may it be written?"
        ) from error
