"""Rows made columns: every row has the same features, and each feature one type."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from evalkit import errors
from evalkit.data.sources.field_type import FieldType, Where, shown
from evalkit.data.sources.typed_column import TypedColumn


def columns_of_rows(
    rows: Sequence[Mapping[str, Any]], fields: Mapping[str, FieldType] | None, where: Where
) -> dict[str, TypedColumn]:
    """Checks rows and converts them.

    Args:
      rows: one dictionary for each.
      fields: the features that are wanted, with what is known of their types; None for exactly those of the first row.
      where: what a row is called in errors, by its number.

    Raises:
      SourceError: a row that is no dictionary, lacks a feature, has an unexpected one, or a value of another type.
    """
    for index, row in enumerate(rows):
        if not isinstance(row, Mapping):
            raise errors.SourceError(f"{where(index)} is {shown(row)}; expected an object with named features.")
    names = fields if fields is not None else (rows[0] if rows else {})
    wanted = frozenset(names)
    for index, row in enumerate(rows):
        if row.keys() != wanted:
            _check_names(row, wanted, where(index), fields is not None)
    known = fields if fields is not None else dict.fromkeys(names, FieldType())
    return {name: TypedColumn.of(name, [row[name] for row in rows], field, where) for name, field in known.items()}


def _check_names(row: Mapping[str, Any], wanted: frozenset[str], where: str, is_declared: bool) -> None:
    missing, more = sorted(wanted - row.keys()), sorted(row.keys() - wanted)
    if missing:
        raise errors.SourceError(
            f"{where} lacks the feature {missing[0]!r}, which "
            f"{'is declared' if is_declared else 'the first row has'}; it has {', '.join(map(repr, row)) or 'none'}."
        )
    if more and not is_declared:
        raise errors.SourceError(
            f"{where} has the feature {more[0]!r}, which the first row lacks. Declare those that are wanted in "
            "`features`."
        )
