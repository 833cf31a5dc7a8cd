"""A hash of what a Python object is, for keying what was computed with it.

Two objects with the same hash give the same results; the hash is the same in every process and on every run. So it goes by
content: functions by their code, defaults, closures and the globals that they read, recursively; objects by class and
state; arrays by their bytes; never by name, address or order of hashing. An object with a `fingerprint` answers for itself.
What cannot be seen into (a lock, an open file, a generator) is an error, since a store under a wrong key is worse than no
store.

Not seen: what a function reads from outside while it runs (files, the network, the clock), and changes inside a library
that change neither its version nor the file in question. A wrong guess in the other direction (another hash for the same
thing, after editing a docstring say) only costs a recomputation.

    >>> add = lambda x, n=1: x + n
    >>> fingerprint(add) == fingerprint(lambda x, n=1: x + n), fingerprint(add) == fingerprint(lambda x, n=2: x + n)
    (True, False)
"""

from __future__ import annotations

import enum
import functools
import hashlib
import inspect
import sys
import types
from collections.abc import Callable, Iterable, Mapping
from typing import Any, final

import numpy as np
import tensorflow as tf

from evalkit import errors
from evalkit.data.code_references import file_digest, is_library, library_stamp, references

# Of a class: what Python puts there itself, or what says nothing about behaviour.
_UNIMPORTANT = frozenset(
    "__module__ __doc__ __dict__ __weakref__ __annotations__ __annotate__ __annotate_func__ __annotations_cache__ "
    "__dataclass_fields__ __dataclass_params__ __match_args__ __abstractmethods__ _abc_impl __firstlineno__ "
    "__static_attributes__ __parameters__ __orig_bases__ __slots__ __final__ __signature__".split()
)

_PLAIN = (int, str, bytes, bytearray, complex, type(None), type(Ellipsis), type(NotImplemented), range)


def fingerprint(obj: Any) -> str:
    """The content hash of `obj`: 64 hexadecimal digits.

    Raises:
      FingerprintError: `obj`, or something that it refers to, cannot be seen into; the message says what, and the way to
        it.
    """
    return _Walk().digest(obj)[0]


@final
class _Walk:
    """One walk through an object and all that it refers to.

    What is met again on the way down to itself (a recursive function) is written as "so many steps up". A digest is kept
    for the rest of the walk if it has no such steps to above itself.
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
                text, level = (part, depth) if isinstance(part, bytes) else self.digest(part, label)
                data = text if isinstance(text, bytes) else text.encode()
                hasher.update(f"{label}:{len(data)}:".encode("utf-8", "surrogatepass") + data)
                lowest = min(lowest, level)
        finally:
            self._names.pop()
            del self._open[id(obj)]
        if lowest == depth:
            self._done[id(obj)] = (hasher.hexdigest(), obj)
        return hasher.hexdigest(), lowest

    def _parts(self, obj: Any) -> Iterable[tuple[str, Any]]:
        """The labelled parts of `obj`: bytes as they are, anything else to be walked into."""
        try:
            for applies, parts in _KINDS:
                if applies(obj):
                    return list(parts(obj))
            return list(_state(obj))
        except (TypeError, AttributeError, errors.EvalkitError) as error:
            way = " -> ".join(self._names)
            raise errors.FingerprintError(
                f"The content of {way} cannot be told: {type(obj).__name__} ({error}). Give it a property `fingerprint` (a "
                "text that changes when its results do), or pass it by another way than a closure or a global."
            ) from error
