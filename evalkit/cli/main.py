"""`evalkit COMMAND [--flags]`: finds the command, parses its flags, and shows errors as one message.

A command is a module of this package with a docstring (its help text), `define_flags` and `run`. Only the module of the
command that was asked for is imported, so that `evalkit --help` need not wait for TensorFlow. Each run has flags of its
own (`absl.flags.FlagValues`), since a global name such as `--log_dir` belongs to absl's logging already.
"""

from __future__ import annotations

import functools
import importlib
import os
import sys
from collections.abc import Callable, Sequence
from types import ModuleType
from typing import Any

from absl import app, flags, logging

import evalkit
from evalkit.cli import native_messages
from evalkit.errors import EvalkitError, nearest_names

COMMANDS = {
    "tasks": "list the registered tasks, or show one with real examples",
    "cache": "write the examples of tasks to disk, once, with Apache Beam",
    "score": "judge outputs that are in a file; no model needed",
    "evaluate": "evaluate a checkpoint",
    "sweep": "evaluate all checkpoints of a run, also while it is training",
    "demo": "train a tiny Flax language model and watch its accuracy rise",
}

USAGE = """\
evalkit {version}: tasks, metrics and results for sequence models

usage: evalkit COMMAND [--flags]

{commands}

examples:
  evalkit demo
  evalkit tasks list
  evalkit tasks show gsm8k
  evalkit cache --import=my_tasks --tasks=mine --output_dir=caches
  evalkit score --task=gsm8k --predictions=outputs.jsonl
  evalkit score --import=my_tasks --task=mine --predictions=outputs.jsonl --log_dir=runs/mine
  evalkit evaluate --checkpoint=runs/a/checkpoints/100 --tasks=gsm8k --model=my_model:build
  evalkit sweep runs/a/checkpoints --tasks=gsm8k --model=my_model:build --best=exact_match

`evalkit COMMAND --help` shows a command's flags and more examples."""


def main(argv: Sequence[str] | None = None) -> None:
    """Runs the command line, and exits the process: with 0, 1 for an error of evalkit, or 2 for wrong usage."""
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")  # before a command imports TensorFlow; its errors are raised too
    arguments = list(sys.argv if argv is None else argv)
    app.run(_dispatch, argv=arguments, flags_parser=_mark_parsed)


def _mark_parsed(argv: list[str]) -> list[str]:
    flags.FLAGS(argv[:1])  # absl's own flags keep their defaults; those of a command are parsed in `_dispatch`
    return argv


def _dispatch(argv: list[str]) -> int:
    name = argv[1] if len(argv) > 1 else "--help"
    if name in ("--help", "-h", "help"):
        print(usage())
        return 0
    if name == "--version":
        print(evalkit.__version__)
        return 0
    if name not in COMMANDS:
        near = nearest_names(name, COMMANDS)
        return _wrong_usage(f"no command {name!r}" + (f"; did you mean {near[0]!r}?" if near else ""), "evalkit --help")
    with native_messages.held_back():
        command = importlib.import_module(f"evalkit.cli.{name}")
    return _run_command(command, f"evalkit {name}", argv[2:])


def usage() -> str:
    """What `evalkit --help` prints."""
    width = max(map(len, COMMANDS))
    commands = "\n".join(f"  {name:{width}}  {summary}" for name, summary in COMMANDS.items())
    return USAGE.format(version=evalkit.__version__, commands=commands)


def _run_command(command: ModuleType, title: str, argv: list[str]) -> int:
    values: flags.FlagValues = flags.FlagValues()  # type: ignore[no-untyped-call]
    flags.DEFINE_bool("help", False, "show this", short_name="h", flag_values=values)
    flags.DEFINE_bool("debug", False, "log everything, and show errors with their traceback", flag_values=values)
    command.define_flags(values)
    try:
        positional = values([title, *with_underscores(argv, values)])[1:]
    except flags.Error as error:
        if {"--help", "-h"} & set(argv):  # required flags may be missing then
            return _show_help(command, title, values)
        return _wrong_usage(str(error), f"{title} --help")
    if values.help:
        return _show_help(command, title, values)
    logging.set_verbosity(logging.DEBUG if values.debug else logging.WARNING)
    try:
        return _reporting_errors(functools.partial(command.run, values, positional), debug=values.debug)
    except app.UsageError as error:
        return _wrong_usage(str(error), f"{title} --help")


def with_underscores(argv: Sequence[str], known: Any) -> list[str]:
    """`--output-dir` as `--output_dir`, if that is `known`; what comes after `--` is left as it is.

    >>> with_underscores(["--output-dir=a-b", "--", "--output-dir"], {"output_dir"})
    ['--output_dir=a-b', '--', '--output-dir']
    """
    end = argv.index("--") if "--" in argv else len(argv)
    return [_with_underscores(argument, known) for argument in argv[:end]] + list(argv[end:])


def _with_underscores(argument: str, known: Any) -> str:
    name, equals, value = argument.partition("=")
    flag = name.lstrip("-").replace("-", "_")
    return f"--{flag}{equals}{value}" if name.startswith("--") and flag in known else argument


def _show_help(command: ModuleType, title: str, values: flags.FlagValues) -> int:
    print(f"{(command.__doc__ or '').strip()}\n\nflags of `{title}`:\n{values.get_help(include_special_flags=False)}")
    return 0


def _wrong_usage(problem: str, see: str) -> int:
    print(f"evalkit: {problem}. See `{see}`.", file=sys.stderr)
    return 2


def _reporting_errors(run: Callable[[], None], debug: bool) -> int:
    try:
        run()
    except EvalkitError as error:
        if debug:
            raise
        print(f"evalkit: {message_of(error)}\n(--debug shows where.)", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("\nevalkit: interrupted; what was written so far is complete.", file=sys.stderr)
        return 130
    return 0


def message_of(error: BaseException) -> str:
    """The message of an error and its notes; for a group, one line for each error in it."""
    if isinstance(error, BaseExceptionGroup):
        return "\n".join([error.message, *(f"  - {message_of(part)}" for part in error.exceptions)])
    return "\n".join([str(error), *getattr(error, "__notes__", ())])
