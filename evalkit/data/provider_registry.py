"""The class-level interface of a name table, which the registries of tasks and of mixtures share."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping, Set
from typing import Any, ClassVar, Generic, TypeVar

import tensorflow as tf

from evalkit import errors
from evalkit.data.name_table import NameTable
from evalkit.data.provider import DatasetProvider
from evalkit.data.shard import ShardInfo
from evalkit.data.source_info import calling_site
from evalkit.transforms.lengths import Length

P = TypeVar("P")


class ProviderRegistry(Generic[P]):
    """The class-level interface of a table; subclasses name the table and the type that may be in it."""

    _table: ClassVar[NameTable[Any]]
    _provider_type: ClassVar[type[DatasetProvider]]

    @classmethod
    def add_provider(cls, name: str, provider: P, override: bool = False) -> None:
        """Registers an object that exists already.

        Args:
          name: the name to find it by.
          provider: a task (TaskRegistry) or mixture (MixtureRegistry).
          override: whether a previous registration of the name is to be replaced; otherwise it is an error.

        Raises:
          DefinitionError: `provider` is of another type.
          DuplicateNameError: the name is taken.
        """
        if not isinstance(provider, cls._provider_type):
            raise errors.DefinitionError(
                f"{cls.__name__} cannot register {name!r}: invalid type {type(provider).__name__}, "
                f"expected an instance of {cls._provider_type.__name__}."
            )
        cls._table.add(name, provider, calling_site(), override)

    @classmethod
    def remove(cls, name: str) -> None:
        """Forgets `name`, if it is registered."""
        cls._table.remove(name)

    @classmethod
    def get(cls, name: str) -> P:
        """What is registered under `name`.

        Raises:
          UnknownNameError: nothing is; the message has the nearest names.
        """
        provider: P = cls._table.get(name)
        return provider

    @classmethod
    def names(cls) -> Set[str]:
        """The registered names, as a set that stays up to date and may be iterated while others register."""
        return cls._table.names()

    @classmethod
    def reset(cls) -> None:
        """Forgets all names."""
        cls._table.clear()

    @classmethod
    def scoped(cls) -> contextlib.AbstractContextManager[None]:
        """A block after which this registry is as it was before; see `scoped_registries` for both at once."""
        return cls._table.scope()

    @classmethod
    def get_dataset(
        cls,
        name: str,
        sequence_length: Mapping[str, Length] | None,
        split: str,
        use_cached: bool = False,
        shuffle: bool = True,
        seed: int | None = None,
        shard_info: ShardInfo | None = None,
        num_epochs: int | None = 1,
    ) -> tf.data.Dataset:
        """Opens a split of what is registered under `name`; see `Task.get_dataset` and `Mixture.get_dataset`.

        Raises:
          UnknownNameError: nothing is registered under `name`.
        """
        return cls._table.get(name).get_dataset(
            sequence_length=sequence_length,
            split=split,
            use_cached=use_cached,
            shuffle=shuffle,
            seed=seed,
            shard_info=shard_info,
            num_epochs=num_epochs,
        )

    @classmethod
    def _check_class(cls, name: str, found: Any) -> None:
        if not (isinstance(found, type) and issubclass(found, cls._provider_type)):
            raise errors.DefinitionError(
                f"{cls.__name__} cannot register {name!r}: invalid type {found!r}, "
                f"expected a subclass of {cls._provider_type.__name__}."
            )
