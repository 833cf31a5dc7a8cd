"""The names of tasks and mixtures, filled while modules are imported, asked while programs run.

`NameTable` is one thread-safe table; there are two, `TASKS` and `MIXTURES`. A name cannot be taken twice by accident,
and each table remembers where a name was registered, to say so when it is. `registry` has the interface for task
modules.
"""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterable, Iterator, Mapping, Set
from typing import Any, Generic, TypeVar, final

from evalkit import errors
from evalkit.data.provenance import note_registration
from evalkit.data.source_info import SourceInfo

P = TypeVar("P")


@final
class NameTable(Generic[P]):
    """A thread-safe mapping from names to what was registered under them, and where.

    >>> table = NameTable("planet")
    >>> table.add("mars", 4, SourceInfo("sky.py", 3))
    >>> table.get("mars"), "mars" in table.names(), table.find("pluto")
    (4, True, None)
    """

    def __init__(self, kind: str) -> None:
        """An empty table; `kind` is the word for its entries in messages."""
        self.kind = kind
        self._providers: dict[str, P] = {}
        self._sites: dict[str, SourceInfo] = {}
        self._lock = threading.RLock()

    def add(self, name: str, provider: P, site: SourceInfo, override: bool = False) -> None:
        """Registers `provider`.

        Raises:
          DuplicateNameError: the name is taken, and not to be overridden.
        """
        with self._lock:
            if name in self._providers and not override:
                raise errors.DuplicateNameError(
                    f"{self.kind.capitalize()} {name!r} is already registered, at {self._sites[name]}; this is "
                    f"{site}. Pick another name, or pass override=True to replace it."
                )
            self._providers[name], self._sites[name] = provider, site
        note_registration(name, self.kind)

    def find(self, name: str) -> P | None:
        """What is registered under `name`, or None."""
        return self._providers.get(name)

    def get(self, name: str) -> P:
        """What is registered under `name`.

        Raises:
          UnknownNameError: nothing is; the message has the nearest names.
        """
        provider = self._providers.get(name)
        if provider is None:
            raise errors.unknown_name(self.kind, name, self.names())
        return provider

    def site(self, name: str) -> SourceInfo:
        """Where `name` was registered.

        Raises:
          UnknownNameError: nothing is registered under `name`.
        """
        self.get(name)
        return self._sites[name]

    def names(self) -> Set[str]:
        """The registered names, as a set that stays up to date and may be iterated while others register."""
        return _Names(self)

    def remove(self, name: str) -> None:
        """Forgets `name`, if it is registered."""
        with self._lock:
            self._providers.pop(name, None)
            self._sites.pop(name, None)

    def clear(self) -> None:
        """Forgets all names."""
        with self._lock:
            self._providers, self._sites = {}, {}

    @contextlib.contextmanager
    def scope(self) -> Iterator[None]:
        """Within the block, changes are visible as usual; after it, the table is as it was before."""
        with self._lock:
            before = dict(self._providers), dict(self._sites)
        try:
            yield
        finally:
            with self._lock:
                self._providers, self._sites = before

    def snapshot(self) -> Mapping[str, P]:
        """What is registered at this moment, by name."""
        with self._lock:
            return dict(self._providers)


@final
class _Names(Set[str]):
    """Membership without copying; iteration over a snapshot."""

    def __init__(self, table: NameTable[Any]) -> None:
        self._table = table

    @classmethod
    def _from_iterable(cls, it: Iterable[P]) -> Set[P]:
        return frozenset(it)

    def __contains__(self, name: object) -> bool:
        return name in self._table._providers

    def __iter__(self) -> Iterator[str]:
        return iter(self._table.snapshot())

    def __len__(self) -> int:
        return len(self._table._providers)

    def __repr__(self) -> str:
        return f"{{{', '.join(map(repr, self))}}}"


TASKS: NameTable[Any] = NameTable("task")
MIXTURES: NameTable[Any] = NameTable("mixture")


@contextlib.contextmanager
def scoped_registries() -> Iterator[None]:
    """Within the block, tasks and mixtures may be registered, replaced and removed; after it, all is as it was before.

    Meant for tests. It belongs to the process: what another thread registers meanwhile is forgotten as well.
    """
    with TASKS.scope(), MIXTURES.scope():
        yield
