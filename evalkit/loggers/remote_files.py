"""Files behind a URL (`gs://…`), through TensorFlow's file systems.

An object store shows an object when it is complete, so the temporary name of `files.LocalFiles` serves where the
scheme has folders and costs one copy where it has not. Appending is not to be had: a line is added by writing the file
anew.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from typing import IO, final

from tensorboard.compat import tf  # TensorFlow, loaded when a name of it is first used

from evalkit.loggers.files import Files


@final
class RemoteFiles(Files):
    """What `tf.io.gfile` reaches."""

    def make_directory(self, path: str) -> None:
        """See `Files`; whether the directory can be written shows with the first file."""
        with _os_errors():
            tf.io.gfile.makedirs(path)

    def append_line(self, path: str, line: bytes) -> None:
        """See `Files`."""
        with _os_errors():
            before = _read(path) if tf.io.gfile.exists(path) else b""
        with self.replacing(path) as file:
            file.write(before + line)

    @contextlib.contextmanager
    def replacing(self, path: str) -> Iterator[IO[bytes]]:
        """See `Files`."""
        temporary = f"{path}.{os.getpid()}.tmp"
        with _os_errors():
            try:
                with tf.io.gfile.GFile(temporary, "wb") as file:
                    yield file
                tf.io.gfile.rename(temporary, path, overwrite=True)
            except BaseException:  # an interrupt too must leave no temporary file
                with contextlib.suppress(tf.errors.OpError):
                    tf.io.gfile.remove(temporary)
                raise


def _read(path: str) -> bytes:
    with tf.io.gfile.GFile(path, "rb") as file:
        content: bytes = file.read()
    return content


@contextlib.contextmanager
def _os_errors() -> Iterator[None]:
    """TensorFlow's errors as the OSError that they stand for."""
    try:
        yield
    except tf.errors.OpError as error:
        raise OSError(error.message) from error
