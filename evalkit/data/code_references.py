"""What a piece of code depends on beyond itself: the globals it reads and the modules it imports.

Two kinds of code are told apart. The user's own may change from one run to the next, so it is followed: what it refers
to is part of its content. Libraries (the standard library, what is installed in `site-packages`, and evalkit itself)
are known by name, version and the bytes of the file, and are not followed: they are large, and change by installing.
"""

from __future__ import annotations

import builtins
import dis
import functools
import hashlib
import importlib.metadata
import importlib.util
import sys
import types
from collections.abc import Iterator
from pathlib import Path
from typing import Any

_GLOBAL_READS = ("LOAD_GLOBAL", "LOAD_NAME")
_ATTRIBUTE_READS = ("LOAD_ATTR", "LOAD_METHOD")

_LIBRARY_FOLDERS = {"site-packages", "dist-packages"}

MISSING = "no value under this name"


def code_objects(code: types.CodeType) -> Iterator[types.CodeType]:
    """`code` and the functions, classes and comprehensions inside it."""
    yield code
    for constant in code.co_consts:
        if isinstance(constant, types.CodeType):
            yield from code_objects(constant)


def references(function: types.FunctionType) -> list[tuple[str, Any]]:
    """The globals and imports that `function` reads, by name, sorted.

    Of a module of the user's, it is the attribute that the function takes from it which counts (`my_module.clean`).

        >>> [name for name, _ in references(lambda x: len(x) + int(x[0]))]
        ['int', 'len']
    """
    found: dict[str, Any] = {}
    for code in code_objects(function.__code__):
        instructions = [step for step in dis.get_instructions(code) if step.opname != "EXTENDED_ARG"]
        for position, step in enumerate(instructions):
            if step.opname in _GLOBAL_READS:
                value = _read(step.argval, function.__globals__)
                found.update([_attribute(step.argval, value, instructions[position + 1 :])])
            elif step.opname == "IMPORT_NAME":
                found[f"import {step.argval}"] = _imported(step.argval, function.__globals__)
    return sorted(found.items(), key=lambda item: item[0])


def _read(name: str, module_globals: dict[str, Any]) -> Any:
    return module_globals.get(name, getattr(builtins, name, MISSING))


def _attribute(path: str, value: Any, following: list[dis.Instruction]) -> tuple[str, Any]:
    """Goes from a module of the user's to what is taken from it."""
    for step in following:
        is_module = isinstance(value, types.ModuleType)
        if not is_module or is_library(value.__name__) or step.opname not in _ATTRIBUTE_READS:
            break
        path, value = f"{path}.{step.argval}", getattr(value, step.argval, MISSING)
    return path, value


def _imported(name: str, module_globals: dict[str, Any]) -> Any:
    """The module that an import inside a function gives; its name where it is not imported yet (or is relative)."""
    package = module_globals.get("__package__")
    return sys.modules.get(name) or sys.modules.get(f"{package}.{name}") or name


@functools.cache
def is_library(module_name: str) -> bool:
    """Whether the module is installed rather than written by the user.

    >>> is_library("json"), is_library("numpy.linalg"), is_library("__main__")
    (True, True, False)
    """
    top = module_name.partition(".")[0]
    if top == "__main__":
        return False
    if top == "evalkit" or top in sys.stdlib_module_names:
        return True
    origin = _origin(module_name) or _origin(top)
    return origin is not None and not _LIBRARY_FOLDERS.isdisjoint(origin.parts)


@functools.cache
def library_stamp(module_name: str) -> str:
    """Name, version and file content of an installed module; the interpreter's version for its own modules."""
    top = module_name.partition(".")[0]
    if top in sys.stdlib_module_names:
        return f"{module_name} {sys.implementation.cache_tag}"
    version = getattr(sys.modules.get(top), "__version__", None) or _installed_version(top)
    origin = _origin(module_name)
    return f"{module_name} {version} {_file_digest(origin) if origin is not None and origin.is_file() else ''}"


def module_digest(module_name: str) -> str:
    """A hash of the file of one of the user's modules.

    Raises:
      TypeError: the module has no file.
    """
    origin = _origin(module_name)
    if origin is None or not origin.is_file():
        raise TypeError(f"module {module_name!r} has no file")
    return _file_digest(origin)


def _file_digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def _installed_version(distribution: str) -> str:
    try:
        return importlib.metadata.version(distribution)
    except importlib.metadata.PackageNotFoundError:
        return "of unknown version"


def _origin(module_name: str) -> Path | None:
    """The file of a module, without importing what is not imported."""
    module = sys.modules.get(module_name)
    file = getattr(module, "__file__", None)
    if module is None:
        try:
            spec = importlib.util.find_spec(module_name)
        except (ImportError, ValueError):
            return None
        file = spec.origin if spec is not None and spec.has_location else None
    return None if file is None else Path(file).resolve()
