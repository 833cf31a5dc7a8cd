"""How a TFDS data set is named, and what is set for all of them at once."""

from __future__ import annotations

import dataclasses
from typing import Any, final

import tensorflow_datasets as tfds

from evalkit import errors


@dataclasses.dataclass
class Overrides:
    """What a command line sets for all data sets at once."""

    data_dir: str | None = None
    read_config: Any = None


overrides = Overrides()


def set_tfds_data_dir_override(tfds_data_dir: str | None) -> None:
    """Makes all TFDS sources of the process read from `tfds_data_dir`; None lets each read from its own again.

    Sources whose splits are `TfdsSplit` keep the folders that those name.
    """
    overrides.data_dir = tfds_data_dir


def set_tfds_read_config_override(tfds_read_config: Any) -> None:
    """Makes all TFDS sources of the process read with this `tfds.ReadConfig`; None for the default. It is not "
    "changed.
    """
    overrides.read_config = tfds_read_config


@final
@dataclasses.dataclass(frozen=True)
class TfdsSplit:
    """One split of one data set; for sources whose splits come from several.

    Attributes:
      dataset: name with a version, such as `mnist:3.0.1`.
      split: of that data set, or a slice of it (`train[:1%]`).
      data_dir: where the data set is; None for TFDS's folder.
    """

    dataset: str
    split: str | None
    data_dir: str | None = None

    def __post_init__(self) -> None:
        """Checks the name.

        Raises:
          ArgumentError: a name without a version.
        """
        check_versioned(self.dataset)


def check_versioned(name: str | None) -> None:
    """Refuses a name that TFDS cannot read, or without a version: under that, other data could be found one day.

    Raises:
      ArgumentError: the name has no version, or is malformed.
    """
    if not name:
        return
    if ":" not in name:
        raise errors.ArgumentError(f"TFDS name must contain a version number, got: {name}")
    try:
        tfds.core.naming.parse_builder_name_kwargs(name)
    except ValueError as error:
        raise errors.ArgumentError(
            f"TFDS name {name!r} is malformed. Write 'dataset:1.0.0' or 'dataset/config:1.0.0', with * for any number."
        ) from error
