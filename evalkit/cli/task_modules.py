"""Which tasks a command knows: evalkit's ready-made ones, and those of the modules given with `--import`."""

from __future__ import annotations

import importlib
import os
import pkgutil
import sys
import traceback
from types import ModuleType

from absl import flags

import evalkit.tasks
from evalkit.errors import ArgumentError, DefinitionError


def define_import_flag(values: flags.FlagValues) -> None:
    """Defines `--import`, which may be repeated."""
    flags.DEFINE_multi_string(
        "import", [], "a module that registers tasks, such as my_tasks or my.tasks; may be repeated", flag_values=values
    )


def load_task_modules(values: flags.FlagValues) -> list[str]:
    """Imports every ready-made task and the modules of `--import`, looking for them in the working directory first.

    Returns:
      The names of these modules.

    Raises:
      ArgumentError: there is no such module.
      DefinitionError: a module raised while it was imported.
    """
    ready_made = [module.name for module in pkgutil.iter_modules(evalkit.tasks.__path__, "evalkit.tasks.")]
    for name in ready_made:
        importlib.import_module(name)
    if os.getcwd() not in sys.path:
        sys.path.insert(0, os.getcwd())
    given = list(values["import"].value or ())
    for name in given:
        imported(name, "--import")
    return ready_made + given


def imported(name: str, flag: str) -> ModuleType:
    """The module `name`, which was given with `flag`.

    Raises:
      ArgumentError: there is no such module.
      DefinitionError: it raised while it was imported.
    """
    try:
        return importlib.import_module(name)
    except Exception as error:
        if isinstance(error, ModuleNotFoundError) and error.name and f"{name}.".startswith(f"{error.name}."):
            raise ArgumentError(
                f"{flag}={name}: there is no module {error.name!r}. It was looked for in {os.getcwd()!r} and among "
                "the installed packages; give its dotted name, without .py."
            ) from error
        frame = traceback.extract_tb(error.__traceback__)[-1]
        raise DefinitionError(
            f"{flag}={name}: the module raised {type(error).__name__}: {error} ({frame.filename}:{frame.lineno})."
        ) from error
