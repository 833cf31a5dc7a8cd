"""The directory that a logger was given: which files it has, the paths below it, and errors that name it."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path

from evalkit.errors import LoggerError
from evalkit.loggers.files import Files, LocalFiles
from evalkit.loggers.remote_files import RemoteFiles


def files_of(directory: str | os.PathLike[str]) -> Files:
    """How files below `directory` are written: by TensorFlow's file systems where it is a URL (`gs://…`)."""
    return RemoteFiles() if "://" in os.fspath(directory) else LocalFiles()


def path_below(directory: str | os.PathLike[str], name: str) -> str:
    """`directory/name`, for URLs and local directories alike."""
    base = os.fspath(directory)
    return f"{base.rstrip('/')}/{name}" if "://" in base else str(Path(base, name))


@contextlib.contextmanager
def errors_of(
    logger: str, path: str | os.PathLike[str], argument: str = "log_dir (the logger's output_dir)"
) -> Iterator[None]:
    """Turns an OSError of the block into a LoggerError that names the logger, the path, the reason, and the argument
    that says where to write.
    """
    try:
        yield
    except OSError as error:
        reason = f"{error.strerror} (errno {error.errno})" if error.strerror else str(error)
        raise LoggerError(
            f"{logger} cannot write {os.fspath(path)!r}: {reason}. What was logged before is unchanged. "
            f"Pass a directory that can be written and has space as {argument}."
        ) from error
