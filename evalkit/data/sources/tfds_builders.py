"""TFDS builders, one for each data set that is in use.

Making a builder reads the file system; all loaders that mean the same data set share one.
"""

from __future__ import annotations

from typing import Any

import tensorflow_datasets as tfds

from evalkit import errors

Key = tuple[str | None, str | None, str]

_builders: dict[Key, Any] = {}


def builder_key(name: str | None, data_dir: str | None, arguments: dict[str, Any] | None) -> Key:
    """What a builder is found under: everything that it is made from."""
    return name, data_dir, repr(sorted((arguments or {}).items()))


def is_made(key: Key) -> bool:
    """Whether there is a builder for `key`."""
    return key in _builders


def forget(key: Key) -> None:
    """Has the builder made again when it is next asked for."""
    _builders.pop(key, None)


def made_builders() -> dict[Key, Any]:
    """All builders that there are."""
    return dict(_builders)


def restore_builders(made: dict[Key, Any]) -> None:
    """Makes `made` all that there are; the others are made again when they are next asked for."""
    _builders.clear()
    _builders.update(made)


def shared_builder(key: Key, arguments: dict[str, Any] | None) -> Any:
    """The builder for `key`, made with `arguments` if there is none yet.

    Raises:
      SourceError: there is no such data set.
    """
    if key not in _builders:
        name, data_dir, _ = key
        try:
            if name is None:
                _builders[key] = tfds.builder_from_directory(data_dir)
            else:
                _builders[key] = tfds.builder(name, data_dir=data_dir, **arguments or {})
        except (tfds.core.DatasetNotFoundError, FileNotFoundError):
            raise not_found(name, data_dir) from None
    return _builders[key]


def not_found(name: str | None, data_dir: str | None) -> errors.SourceError:
    """The error for a data set that is not there; it has the nearest names, where TFDS's own has all five hundred."""
    near = errors.nearest_names(str(name).partition(":")[0], tfds.list_builders())
    hint = f" Nearest names: {', '.join(map(repr, near))}." if near else ""
    return errors.SourceError(
        f"There is no TFDS data set {name!r} in {data_dir or 'the folder of TFDS'}.{hint} Correct the name and "
        "version, or tfds_data_dir; or import the module that defines its builder."
    )
