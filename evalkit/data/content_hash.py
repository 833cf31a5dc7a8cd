"""A hash of what a Python object is, for keying what was computed with it.

Two objects with the same hash give the same results; the hash is the same in every process and on every run. So it
goes by
content: functions by their code, defaults, closures and the globals that they read, recursively; objects by class and
  state; arrays by their bytes; never by name, address or order of hashing. An object with a `fingerprint` answers for
  itself. What cannot be seen into (a lock, an open file, a generator) is an error, since a store under a wrong key is
  worse than no store.

Not seen: what a function reads from outside while it runs (files, the network, the clock), and changes inside a
library that change neither its version nor the file in question. A wrong guess in the other direction (another hash
for the same thing, after editing a docstring say) only costs a recomputation.

    >>> add = lambda x, n=1: x + n
    >>> fingerprint(add) == fingerprint(lambda x, n=1: x + n), fingerprint(add) == fingerprint(lambda x, n=2: x + n)
    (True, False)
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from typing import Any, final

from evalkit import errors
from evalkit.data.content_parts import Unordered, parts_of


def fingerprint(obj: Any) -> str:
    """The content hash of `obj`: 64 hexadecimal digits.

    Raises:
      FingerprintError: `obj`, or something that it refers to, cannot be seen into; the message says what, and the way
        to it.
    """
    try:
        return _Walk().digest(obj)[0]
    except RecursionError as error:
        raise errors.FingerprintError(
            f"The content of {_name_of(obj)} cannot be told: it is nested too deeply, or refers to itself through a "
            "set. Give it a property `fingerprint`, a text that changes when its results do."
        ) from error


@final
class _Walk:
    """One walk through an object and all that it refers to.

    What is met again on the way down to itself (a recursive function) is written as "so many steps up". A digest is
    kept for the rest of the walk if it has no such steps to above itself.
    """

    def __init__(self) -> None:
        self._open: dict[int, int] = {}  # object id -> depth, of what the walk is inside of
        self._names: list[str] = []
        self._done: dict[int, tuple[str, Any]] = {}  # holds the object too, so that its id is not given away

    def digest(self, obj: Any, name: str = "") -> tuple[str, int]:
        """The hash of `obj`, and the lowest depth of anything open that it refers to."""
        depth = len(self._names)
        if id(obj) in self._done:
            return self._done[id(obj)][0], depth
        if id(obj) in self._open:
            return f"up {depth - self._open[id(obj)]}", self._open[id(obj)]
        self._open[id(obj)] = depth
        self._names.append(name or _name_of(obj))
        try:
            hasher, lowest = hashlib.sha256(), depth
            for label, part in self._parts(obj):
                data, level = self._data(part, label, depth)
                hasher.update(f"{len(label)}:{label}:{len(data)}:".encode("utf-8", "surrogatepass") + data)
                lowest = min(lowest, level)
        finally:
            self._names.pop()
            del self._open[id(obj)]
        if lowest == depth:
            self._done[id(obj)] = (hasher.hexdigest(), obj)
        return hasher.hexdigest(), lowest

    def _data(self, part: Any, label: str, depth: int) -> tuple[bytes, int]:
        if isinstance(part, bytes):
            return part, depth
        if isinstance(part, Unordered):
            # A walk of its own for each: what is known from earlier elements must not depend on their order.
            return "".join(sorted(_Walk().digest(element)[0] for element in part.elements)).encode(), depth
        text, level = self.digest(part, label)
        return text.encode(), level

    def _parts(self, obj: Any) -> Iterable[tuple[str, Any]]:
        try:
            return list(parts_of(obj))
        except RecursionError:
            raise
        except Exception as error:
            raise errors.FingerprintError(
                f"The content of {' -> '.join(self._names)} cannot be told: {type(obj).__name__} ({error}). Give it a "
                "property `fingerprint` (a text that changes when its results do), or do without it in closures, "
                "globals and arguments of what is fingerprinted."
            ) from error


def _name_of(obj: Any) -> str:
    return getattr(obj, "__qualname__", None) or type(obj).__qualname__
