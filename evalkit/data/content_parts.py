"""What an object consists of, one step deep; `content_hash` walks on from there.

Each kind of object has one line in `_KINDS` and one function, which yields labelled parts: bytes that are content
themselves, or further objects to look into.
"""

from __future__ import annotations

import copyreg
import dataclasses
import enum
import functools
import inspect
import os
import sys
import types
from collections.abc import Callable, Iterator
from typing import Any, final

import numpy as np
import tensorflow as tf

from evalkit.data.code_references import is_library, library_stamp, module_digest, references

Parts = Iterator[tuple[str, Any]]

_NONE = object()

# Of a class: what Python puts there itself, or what says nothing about behaviour.
_UNIMPORTANT = frozenset(
    "__module__ __doc__ __dict__ __weakref__ __annotations__ __annotate__ __annotate_func__ __annotations_cache__ "
    "__dataclass_fields__ __dataclass_params__ __match_args__ __abstractmethods__ _abc_impl __firstlineno__ "
    "__static_attributes__ __parameters__ __orig_bases__ __slots__ __final__ __signature__".split()
)

_WRITTEN_OUT = (bool, int, float, complex, type(None), type(Ellipsis), type(NotImplemented), range, slice)

_BUILT_IN = (
    types.BuiltinFunctionType,
    types.MethodDescriptorType,
    types.WrapperDescriptorType,
    types.MethodWrapperType,
    types.ClassMethodDescriptorType,
    types.GetSetDescriptorType,
    types.MemberDescriptorType,
    np.ufunc,
)


@final
@dataclasses.dataclass(frozen=True)
class Unordered:
    """Parts whose order says nothing."""

    elements: frozenset[Any]


def parts_of(obj: Any) -> Parts:
    """The labelled parts of `obj`, of the first kind that fits; its class and state if none does.

        >>> dict(parts_of(3)), dict(parts_of("to be"))
        ({'int': b'3'}, {'str': b'to be'})

    Raises:
      Exception: whatever an object raises that does not give its state.
    """
    for fits, parts in _KINDS:
        if fits(obj):
            return parts(obj)
    return _state(obj)


def _of(*kinds: type) -> Callable[[Any], bool]:
    """Tells objects of exactly these types: a subclass may add state."""
    return lambda obj: type(obj) in kinds


def _any(*kinds: type) -> Callable[[Any], bool]:
    return lambda obj: isinstance(obj, kinds)


def _written_out(obj: Any) -> Parts:
    yield type(obj).__name__, repr(obj).encode()


def _text(obj: Any) -> Parts:
    yield type(obj).__name__, obj.encode("utf-8", "surrogatepass") if isinstance(obj, str) else bytes(obj)


def _path(obj: os.PathLike[str]) -> Parts:
    yield "path", os.fsencode(obj)  # not its state: a Path remembers its own text once it was asked for it


def _member_of_enum(obj: enum.Enum) -> Parts:
    yield "enum", f"{type(obj).__qualname__}.{obj.name}".encode()
    yield "value", obj.value


def _array(obj: Any) -> Parts:
    array = np.asarray(obj)
    yield "array", f"{array.dtype.str}{array.shape}".encode()
    yield "values", array.tolist() if array.dtype.hasobject else np.ascontiguousarray(array).tobytes()


def _dtype(obj: Any) -> Parts:
    yield type(obj).__name__, str(getattr(obj, "name", obj)).encode()


def _sequence(obj: Any) -> Parts:
    yield type(obj).__name__, b""
    yield from (("element", element) for element in obj)


def _mapping(obj: Any) -> Parts:
    yield "mapping", b""
    for key, value in obj.items():  # in their order: it may decide the order of results
        yield "key", key
        yield key if isinstance(key, str) else "value", value


def _set(obj: Any) -> Parts:
    yield "set", Unordered(frozenset(obj))


def _module(obj: types.ModuleType) -> Parts:
    yield "module", (library_stamp if is_library(obj.__name__) else module_digest)(obj.__name__).encode()


def _class(obj: type) -> Parts:
    if is_library(obj.__module__):
        yield "class", f"{library_stamp(obj.__module__)} {obj.__qualname__}".encode()
        return
    yield "class", obj.__qualname__.encode()
    yield from (("base", base) for base in obj.__bases__)
    yield from ((name, value) for name, value in sorted(vars(obj).items()) if name not in _UNIMPORTANT)


# What decorators and TensorFlow's tracing leave on a function, which the function does not depend on.
_NOTES_ON_FUNCTIONS = {"__wrapped__", "ag_dnc_wrapper__", "autograph_info__", "ag_artifact"}


def _function(obj: types.FunctionType) -> Parts:
    named = obj.__module__ is not None  # not in code that `exec` ran
    if named and is_library(obj.__module__) and getattr(sys.modules.get(obj.__module__), obj.__qualname__, None) is obj:
        # What a library offers under a name is known by it; what its decorators return has more to it.
        yield "function", f"{library_stamp(obj.__module__)} {obj.__qualname__}".encode()
        return
    module = obj.__globals__.get("__name__", "__main__")
    if is_library(module):
        yield "function", f"{library_stamp(module)} {obj.__qualname__}".encode()
    else:
        yield "function", obj.__qualname__.encode()
        yield "code", obj.__code__
        yield from references(obj)
    yield "defaults", obj.__defaults__
    yield "keyword defaults", obj.__kwdefaults__
    yield from (
        (f"closure over {name}", cell.cell_contents)
        for name, cell in zip(obj.__code__.co_freevars, obj.__closure__ or (), strict=True)
        if cell != types.CellType()
    )
    yield from ((name, value) for name, value in vars(obj).items() if name not in _NOTES_ON_FUNCTIONS)


def _code(obj: types.CodeType) -> Parts:
    arguments = obj.co_argcount + obj.co_kwonlyargcount
    yield "python", (sys.implementation.cache_tag or sys.version).encode()
    yield "code", obj.co_code
    yield "exceptions", obj.co_exceptiontable
    yield "constants", obj.co_consts
    yield "names", (obj.co_names, obj.co_varnames[:arguments], obj.co_freevars, obj.co_cellvars)
    yield "signature", (obj.co_argcount, obj.co_posonlyargcount, obj.co_kwonlyargcount, obj.co_flags)


def _built_in(obj: Any) -> Parts:
    module = getattr(obj, "__module__", None) or type(obj).__module__
    yield "built in", f"{library_stamp(module)} {getattr(obj, '__qualname__', obj.__name__)}".encode()
    holder = getattr(obj, "__self__", None)
    if not isinstance(holder, types.ModuleType | None):
        yield "self", holder


def _bound_method(obj: types.MethodType) -> Parts:
    yield "function", obj.__func__
    yield "self", obj.__self__


def _partial(obj: functools.partial[Any]) -> Parts:
    yield "partial", obj.func
    yield "args", obj.args
    yield "keywords", obj.keywords


def _wrapper(obj: Any) -> Parts:
    yield type(obj).__name__, getattr(obj, "__wrapped__", None) or obj.func


def _property(obj: property) -> Parts:
    yield "property", (obj.fget, obj.fset, obj.fdel)


def _number_of_flax(obj: Any) -> bool:
    """Whether `obj` is the number that flax gave a module in the order in which this process made them."""
    return type(obj).__module__ == "flax.ids"


def _no_content(obj: Any) -> Parts:
    yield type(obj).__qualname__, b""


def _answers_for_itself(obj: Any) -> bool:
    """Whether `obj` has a `fingerprint` that needs no argument."""
    if isinstance(obj, type | types.ModuleType) or inspect.getattr_static(obj, "fingerprint", _NONE) is _NONE:
        return False
    return not callable(obj.fingerprint) or not inspect.signature(obj.fingerprint).parameters


def _own_fingerprint(obj: Any) -> Parts:
    own = obj.fingerprint() if callable(obj.fingerprint) else obj.fingerprint
    if not isinstance(own, str):
        raise TypeError(f"its fingerprint is {own!r}, expected a text")
    yield "fingerprint", own.encode()
    # Who inherits `fingerprint` has code of its own, which the inherited one does not know.
    yield "class", type(obj).__qualname__ if "fingerprint" in vars(type(obj)) else type(obj)


def _state(obj: Any) -> Parts:
    """Class and state, as pickling would take them; what refuses to be pickled is refused here too."""
    reduce = copyreg.dispatch_table.get(type(obj))
    reduced = reduce(obj) if reduce is not None else obj.__reduce_ex__(4)
    if isinstance(reduced, str):
        yield "name", reduced
        yield "class", type(obj)
        return
    make, arguments, state, elements, items = (*reduced, None, None, None)[:5]
    yield "made by", make
    yield "arguments", arguments
    yield "state", state
    yield "elements", list(elements or ())
    yield "items", list(items or ())


_KINDS: tuple[tuple[Callable[[Any], bool], Callable[[Any], Parts]], ...] = (
    (_of(*_WRITTEN_OUT), _written_out),
    (_of(str, bytes, bytearray), _text),
    (_any(os.PathLike), _path),
    (_any(enum.Enum), _member_of_enum),
    (_number_of_flax, _no_content),
    (_answers_for_itself, _own_fingerprint),
    (_of(list, tuple), _sequence),
    (_of(dict, types.MappingProxyType), _mapping),
    (_of(set, frozenset), _set),
    (_any(np.ndarray, np.generic), _array),
    (_any(np.dtype, tf.DType), _dtype),
    (_any(types.ModuleType), _module),
    (_any(type), _class),
    (_of(types.FunctionType), _function),
    (_of(types.CodeType), _code),
    (_any(*_BUILT_IN), _built_in),
    (_of(types.MethodType), _bound_method),
    (_any(functools.partial), _partial),
    (_any(staticmethod, classmethod, functools.cached_property, type(functools.cache(len))), _wrapper),
    (_any(property), _property),
)
