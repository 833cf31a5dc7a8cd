"""From file patterns to files.

A split is given as one path or glob, or several. They are expanded each time a split is opened, in the order given and
sorted within a glob, so the order of the files is the same on every machine and a file that was added is seen. What
matches nothing is an error on the spot: read silently, it would be a smaller or an empty data set.
"""

from __future__ import annotations

import functools
import glob
import os
from collections.abc import Iterable, Mapping

import tensorflow as tf

from evalkit import errors

FilePatterns = str | os.PathLike[str] | Iterable[str | os.PathLike[str]]

_NAMES_SHOWN = 5


def checked_patterns(split_to_filepattern: Mapping[str, FilePatterns]) -> dict[str, str | list[str]]:
    """The patterns of each split as they were given, but with one-shot iterables read and paths as text.

        >>> checked_patterns({"train": "a-*", "test": ("b", "c")})
        {'train': 'a-*', 'test': ['b', 'c']}

    Raises:
      ArgumentError: not a mapping, or a split without a pattern.
    """
    if not isinstance(split_to_filepattern, Mapping):
        raise errors.ArgumentError(
            "split_to_filepattern maps split names to file patterns, such as {'test': 'data/test-*'}; "
            f"found {split_to_filepattern!r}."
        )
    patterns = {split: _as_text(pattern) for split, pattern in split_to_filepattern.items()}
    for split, pattern in patterns.items():
        if not pattern:
            raise errors.ArgumentError(f"Split {split!r} has no file pattern: found {pattern!r}.")
    return patterns


def matching_files(patterns: str | list[str], split: str) -> list[str]:
    """The files of `patterns`, sorted within each pattern.

    Args:
      patterns: paths or globs, local or of any file system that TensorFlow knows (`gs://…`).
      split: named in errors.

    Raises:
      SourceError: a pattern that no file matches.
    """
    files: list[str] = []
    for pattern in [patterns] if isinstance(patterns, str) else patterns:
        if glob.has_magic(pattern):
            found = _expanded(pattern)
        else:
            found = (pattern,) if tf.io.gfile.exists(pattern) else ()
        if not found:
            raise errors.SourceError(
                f"No file is found for the file pattern {pattern!r} of split {split!r}. {_nearby(pattern)}"
            )
        files += found
    return files


def list_files(file_patterns: str | Iterable[str]) -> list[str]:
    """The files of `file_patterns`, sorted within each glob; a path is taken as it is, whether there is a file or not.

    For those who list the same files again and again, in a bucket with many: what a glob matched is looked up once in
    the life of the process, and files that come later are not seen. Sources do not use it.
    """
    patterns = [file_patterns] if isinstance(file_patterns, str) else file_patterns
    return [file for pattern in patterns for file in _listed_once(pattern)]


@functools.lru_cache(maxsize=1024)
def _listed_once(pattern: str) -> tuple[str, ...]:
    return _expanded(pattern) if glob.has_magic(pattern) else (pattern,)


def _expanded(pattern: str) -> tuple[str, ...]:
    return tuple(sorted(set(tf.io.gfile.glob(pattern))))


def file_states(paths: Iterable[str]) -> list[tuple[str, int, int]]:
    """Path, size in bytes and time of change in nanoseconds of each file, sorted: what tells one content from another.

    Not the bytes, which would be a pass over all data. A file that is changed within one tick of the file system's
    clock and keeps its size looks unchanged.
    """
    stats = [(path, tf.io.gfile.stat(path)) for path in sorted(paths)]
    return [(path, int(stat.length), int(stat.mtime_nsec)) for path, stat in stats]


def _as_text(patterns: FilePatterns) -> str | list[str]:
    if isinstance(patterns, str | os.PathLike):
        return os.fspath(patterns)
    return [os.fspath(pattern) for pattern in patterns]


def _nearby(pattern: str) -> str:
    """What there is where `pattern` looks, for somebody who mistyped it."""
    folder, name = os.path.split(pattern)
    missing = ""
    while not tf.io.gfile.isdir(folder or "."):
        missing = folder
        parent, name = os.path.split(folder)
        if parent == folder:
            return "Is the file system reachable?"
        folder = parent
    names = sorted(tf.io.gfile.listdir(folder or "."))
    shown = errors.nearest_names(name, names) or names[:_NAMES_SHOWN]
    beginning = f"There is no folder {missing!r}; " if missing else ""
    holds = f"holds {', '.join(map(repr, shown))}" if shown else "is empty"
    rest = f" and {len(names) - len(shown)} more" if len(names) > len(shown) else ""
    return f"{beginning}{'t' if beginning else 'T'}he folder {folder or '.'!r} {holds}{rest}."
