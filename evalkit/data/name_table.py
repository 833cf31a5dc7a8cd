"""The names of tasks and mixtures, filled while modules are imported, asked while programs run.

`NameTable` is one thread-safe table; there are two, `TASKS` and `MIXTURES`. A name cannot be taken twice by accident,
and each table remembers where a name was registered, to say so when it is. `registry` has the interface for task
modules.
"""

from __future__ import annotations

import contextlib
import sys
import threading
from collections.abc import Collection, Iterable, Iterator, Mapping, Set
from typing import Any, Generic, NamedTuple, TypeVar, final

from absl import logging

from evalkit import errors
from evalkit.data.provenance import note_registration
from evalkit.data.source_info import SourceInfo, importing_module

P = TypeVar("P")


class TableState(NamedTuple):
    """What a table holds at one moment, each by name.

    Attributes:
      providers: what is registered.
      sites: where it was registered.
      importers: the module whose import registered it, for those that an import did.
      enabled: whether the table registers and finds anything at all, see `disable_registry`.
    """

    providers: dict[str, Any]
    sites: dict[str, SourceInfo]
    importers: dict[str, str]
    enabled: bool

    def move(self, names: Collection[str], target: TableState) -> None:
        """Makes `target` have for each of `names` what is here, or nothing where nothing is."""
        columns: tuple[tuple[dict[str, Any], dict[str, Any]], ...] = (
            (self.providers, target.providers),
            (self.sites, target.sites),
            (self.importers, target.importers),
        )
        for mine, theirs in columns:
            for name in names:
                theirs.pop(name, None)
                if name in mine:
                    theirs[name] = mine[name]


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
        self.enabled = True
        self._providers: dict[str, P] = {}
        self._sites: dict[str, SourceInfo] = {}
        self._importers: dict[str, str] = {}
        self._lock = threading.RLock()

    def add(self, name: str, provider: P, site: SourceInfo, override: bool = False) -> None:
        """Registers `provider`.

        Raises:
          DuplicateNameError: the name is taken, and not to be overridden.
        """
        if self.ignores(name):
            return
        with self._lock:
            if name in self._providers and not override:
                raise errors.with_remedy(
                    errors.DuplicateNameError(f"Attempting to register duplicate provider: {name}"),
                    f"{self.kind.capitalize()} {name!r} is already registered, at {self._sites[name]}; this is "
                    f"{site}. Pick another name, or pass override=True to replace it.",
                )
            self._providers[name], self._sites[name] = provider, site
            self._importers.pop(name, None)
            if module := importing_module():
                self._importers[name] = module
        note_registration(name, self.kind)

    def ignores(self, name: str) -> bool:
        """Whether the table is disabled and registers nothing; says so of `name` in the log."""
        if not self.enabled:
            logging.info("The registries are disabled: %s %r is not registered.", self.kind, name)
        return not self.enabled

    def find(self, name: str) -> P | None:
        """What is registered under `name`, or None.

        Raises:
          UnknownNameError: the table is disabled.
        """
        if not self.enabled:
            raise errors.UnknownNameError(
                f"Disabled {self.kind.capitalize()}Registry.get call: {name!r}. Names mean nothing until the "
                "registries are enabled again (disable_registry); pass the object itself."
            )
        return self._providers.get(name)

    def get(self, name: str) -> P:
        """What is registered under `name`.

        Raises:
          UnknownNameError: nothing is (the message has the nearest names), or the table is disabled.
        """
        provider = self.find(name)
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
            self._importers.pop(name, None)

    def clear(self) -> None:
        """Forgets all names."""
        with self._lock:
            self._providers, self._sites, self._importers = {}, {}, {}

    @contextlib.contextmanager
    def scope(self) -> Iterator[None]:
        """Within the block, changes are visible as usual; after it, the table is as `restore` says."""
        before, modules = self.state(), dict(sys.modules)
        try:
            yield
        finally:
            self.restore(before, modules)

    def state(self) -> TableState:
        """What the table holds at this moment; a copy."""
        with self._lock:
            return TableState(dict(self._providers), dict(self._sites), dict(self._importers), self.enabled)

    def restore(self, before: TableState, modules: Mapping[str, object]) -> None:
        """Goes back to an earlier state, but for what modules registered that were first imported since.

        That stays: importing such a module again would not register it again.

        Args:
          before: what `state` gave.
          modules: `sys.modules` of that moment.
        """
        with self._lock:
            imported = [name for name, m in self._importers.items() if sys.modules.get(m) is not modules.get(m)]
            after = TableState(dict(before.providers), dict(before.sites), dict(before.importers), before.enabled)
            self.state().move(imported, after)
            self._providers, self._sites, self._importers, self.enabled = after

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

    But what modules register that are first imported in the block stays, since importing them again would not register
    it again. Meant for tests. It belongs to the process: what another thread registers meanwhile is forgotten as well.
    """
    with TASKS.scope(), MIXTURES.scope():
        yield


def disable_registry() -> contextlib.ExitStack:
    """Disables both registries, for programs that hand tasks around themselves and import modules that register some.

    From now on, registering does nothing (`add` returns None), and looking up a name is an error. It ends with the
    `with` block of what is returned, with its `close()`, or with a surrounding `scoped_registries`:

    >>> with scoped_registries():
    ...     TASKS.clear()
    ...     MIXTURES.clear()
    ...     with disable_registry():
    ...         TASKS.add("mars", 4, SourceInfo())
    ...     list(TASKS.names())
    []

    Raises:
      ArgumentError: something is registered already.
    """
    occupied = [table for table in (TASKS, MIXTURES) if table.names()]
    if occupied:
        names = [name for table in occupied for name in table.names()]
        raise errors.ArgumentError(
            f"The {', '.join(f'{table.kind.capitalize()}Registry' for table in occupied)} is non-empty: it has "
            f"{', '.join(map(repr, names[:3]))}{' …' if names[3:] else ''}. Call disable_registry() before any module "
            "that registers tasks is imported."
        )
    undo = contextlib.ExitStack()
    for table in (TASKS, MIXTURES):
        undo.callback(setattr, table, "enabled", table.enabled)
        table.enabled = False
    return undo
