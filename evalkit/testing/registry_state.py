"""What the registries hold at a moment, for tests that leave nothing behind; without importing TensorFlow.

The registries live in `evalkit.data`, and importing that takes seconds. Who has not imported it has registered nothing:
so it is looked for among the imported modules, and never imported from here.

The builders of TFDS that sources share are kept in mind too: one that a test replaced by another would be met in the
tests after it.
"""

from __future__ import annotations

import dataclasses
import sys
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, Self, final

if TYPE_CHECKING:
    from evalkit.data.name_table import NameTable, TableState


@final
@dataclasses.dataclass(frozen=True, eq=False)
class RegistryState:
    """What the registries held.

    Attributes:
      tables: the state of each table, by its kind ("task", "mixture"); none where they were not imported yet.
      modules: `sys.modules` of that moment. Empty where the registries were not imported yet: no module that had been
        imported can have registered anything.
      builders: the builders of TFDS data sets that sources share.
    """

    tables: dict[str, TableState]
    modules: dict[str, object]
    builders: dict[Any, Any]

    @classmethod
    def now(cls) -> Self:
        """The state of this moment."""
        tables = {table.kind: table.state() for table in _tables()}
        shared = _tfds_builders()
        return cls(tables, dict(sys.modules) if tables else {}, shared.made_builders() if shared else {})

    def restore(self) -> None:
        """Goes back to this state, but for what modules registered that were first imported since."""
        for table in _tables():
            table.restore(self.of(table), self.modules)
        if shared := _tfds_builders():
            shared.restore_builders(self.builders)

    def of(self, table: NameTable[Any]) -> TableState:
        """The state of one table; an empty one, which is kept, where there was none."""
        empty = table.state()._replace(providers={}, sites={}, importers={}, enabled=True)
        return self.tables.setdefault(table.kind, empty)


@final
class Registrations:
    """What was registered, replaced or removed between two moments, but for what first imports did, which stays."""

    def __init__(self, before: RegistryState, after: RegistryState) -> None:
        """Compares two states."""
        self._before = before
        self._after = after
        self._names = {table.kind: list(self._changed(table)) for table in _tables()}

    def _changed(self, table: NameTable[Any]) -> Iterator[str]:
        before, after = self._before.of(table), self._after.of(table)
        for name in before.providers.keys() | after.providers.keys():
            importer = after.importers.get(name)
            imported = importer and self._after.modules.get(importer) is not self._before.modules.get(importer)
            if not imported and before.providers.get(name) is not after.providers.get(name):
                yield name

    def redo_in(self, state: RegistryState) -> None:
        """Makes them part of a state."""
        for table in _tables():
            self._after.of(table).move(self._names.get(table.kind, ()), state.of(table))

    def undo_in(self, state: RegistryState) -> None:
        """Takes them out of a state; where something else was done to a name since, that stays."""
        for table in _tables():
            after, now = self._after.of(table).providers, state.of(table)
            names = [name for name in self._names.get(table.kind, ()) if now.providers.get(name) is after.get(name)]
            self._before.of(table).move(names, now)


def _tfds_builders() -> Any | None:
    module = sys.modules.get("evalkit.data.sources.tfds_builders")
    return module if hasattr(module, "restore_builders") else None  # not while it is being imported


def _tables() -> tuple[NameTable[Any], ...]:
    module = sys.modules.get("evalkit.data.name_table")
    return () if module is None or not hasattr(module, "MIXTURES") else (module.TASKS, module.MIXTURES)
