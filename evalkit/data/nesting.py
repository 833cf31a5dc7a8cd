"""Dictionaries in dictionaries as flat ones, and back: the names on the way to a value, joined by a delimiter.

>>> flatten_dict({"question": {"text": "Why?", "id": 3}})
{'question/text': 'Why?', 'question/id': 3}
>>> unflatten_dict({"question/text": "Why?", "question/id": 3})
{'question': {'text': 'Why?', 'id': 3}}
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from evalkit import errors

_DELIMITER = "/"


def flatten_dict(nested_dct: Mapping[str, Any], delimiter: str = _DELIMITER) -> dict[str, Any]:
    """The values inside of `nested_dct` by their joined names; a dictionary without values leaves nothing.

    Raises:
      FeatureError: two values get the same name.
    """
    flat: dict[str, Any] = {}
    for name, value in _leaves(nested_dct, "", delimiter):
        if name in flat:
            raise errors.FeatureError(f"Two values get the name {name!r}; rename one, or take another delimiter.")
        flat[name] = value
    return flat


def unflatten_dict(dct: Mapping[str, Any], delimiter: str = _DELIMITER) -> dict[str, Any]:
    """The dictionaries of which `flatten_dict` made `dct`.

    Raises:
      FeatureError: a name is that of a value and begins the name of another.
    """
    nested: dict[str, Any] = {}
    for path, value in dct.items():
        *names, last = path.split(delimiter)
        parent: Any = nested
        for name in names:
            parent = parent.setdefault(name, {}) if isinstance(parent, dict) else None
        if not isinstance(parent, dict) or last in parent:
            raise errors.FeatureError(
                f"The name {path!r} is taken: a value cannot stand where other values are inside of. "
                "Rename one of them, or take another delimiter."
            )
        parent[last] = value
    return nested


def _leaves(nested: Mapping[str, Any], prefix: str, delimiter: str) -> Iterator[tuple[str, Any]]:
    for name, value in nested.items():
        if isinstance(value, Mapping):
            yield from _leaves(value, f"{prefix}{name}{delimiter}", delimiter)
        else:
            yield prefix + name, value
